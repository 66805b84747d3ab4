#include "afxdp/ring.hpp"

#include <sys/mman.h>

#include <utility>

namespace twinpath::afxdp {

RingMapping::RingMapping(RingMapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      view_(std::exchange(other.view_, RingView{})) {}

RingMapping& RingMapping::operator=(RingMapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(view_, other.view_);
  return *this;
}

RingMapping::~RingMapping() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

Result<RingMapping> RingMapping::map(int fd, std::uint64_t page_offset, const xdp_ring_offset& offsets,
                                     std::uint32_t size, std::uint32_t entry_bytes) {
  const std::size_t bytes = offsets.desc + std::size_t{size} * entry_bytes;
  void* data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(page_offset));
  if (data == MAP_FAILED) return fail(errno, "map a ring of {} entries", size);
  auto* base = static_cast<std::uint8_t*>(data);
  const auto counter = [base](std::uint64_t offset) { return reinterpret_cast<std::uint32_t*>(base + offset); };
  RingMapping mapping;
  mapping.data_ = data;
  mapping.bytes_ = bytes;
  mapping.view_ = RingView{.producer = counter(offsets.producer),
                           .consumer = counter(offsets.consumer),
                           .flags = counter(offsets.flags),
                           .entries = base + offsets.desc,
                           .size = size};
  return mapping;
}

}  // namespace twinpath::afxdp
