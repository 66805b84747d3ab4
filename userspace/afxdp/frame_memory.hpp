// frame_memory.hpp - the memory of all packets of a gateway: a row of frames of equal size.
//
// Shape    frame n is at n × frame_bytes. 2048-byte frames carry packets of up to 1792 bytes, 4096-byte ones 3840,
//          because the kernel keeps 256 bytes of headroom.
// Owner    this object owns a memfd and one mapping of it. Other processes map the same memfd; it is sealed against
//          shrinking and growing, so no process can make another one's access fault.
// Errors   create() refuses sizes that the kernel refuses as UMEM, and fails when memory is short: it allocates all
//          pages, so no packet causes a page fault.
#pragma once

#include <cstdint>

#include "afxdp/frame.hpp"
#include "base/fd.hpp"
#include "base/mapping.hpp"
#include "base/result.hpp"

namespace twinpath::afxdp {

class FrameMemory {
 public:
  [[nodiscard]] static Result<FrameMemory> create(std::uint32_t frames, std::uint32_t frame_bytes);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint32_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::uint32_t frame_bytes() const noexcept { return 1U << frame_shift_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return std::size_t{frames_} << frame_shift_; }
  [[nodiscard]] std::uint8_t* base() const noexcept { return static_cast<std::uint8_t*>(mapping_.data()); }

  // Addresses as in descriptors: bytes from the start of the memory.
  [[nodiscard]] std::uint64_t address(std::uint32_t frame) const noexcept {
    return std::uint64_t{frame} << frame_shift_;
  }
  // kNoFrame when the address lies outside the memory. Check the ledger before use.
  [[nodiscard]] std::uint32_t frame_at(std::uint64_t address) const noexcept {
    const std::uint64_t frame = address >> frame_shift_;
    return frame < frames_ ? static_cast<std::uint32_t>(frame) : kNoFrame;
  }
  // `length` bytes at `address` lie in one frame. An empty packet does not.
  [[nodiscard]] bool fits(std::uint64_t address, std::uint32_t length) const noexcept {
    const std::uint64_t offset = address & (frame_bytes() - 1);
    return length != 0 && address < bytes() && length <= frame_bytes() - offset;
  }

 private:
  FrameMemory(UniqueFd fd, Mapping mapping, std::uint32_t frames, std::uint32_t frame_shift)
      : fd_(std::move(fd)), mapping_(std::move(mapping)), frames_(frames), frame_shift_(frame_shift) {}

  UniqueFd fd_;
  Mapping mapping_;
  std::uint32_t frames_;
  std::uint32_t frame_shift_;
};

}  // namespace twinpath::afxdp
