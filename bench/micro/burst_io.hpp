// burst_io.hpp - one burst of frames, again and again: what is sent is counted, not kept.
//
// Shape    64 frames of 2 KiB, as large as the driver's. arrive() lays a packet into the next one, receive() hands out
//          what has arrived.
// Cost     next to none, so that what is measured is the engine.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "harness/memory_io.hpp"

namespace twinpath::bench {

class BurstIo final : public afxdp::FrameIo {
 public:
  void arrive(std::span<const std::uint8_t> packet, std::uint16_t port) noexcept {
    afxdp::Frame& frame = burst_[arrived_];
    frame = {memory_[arrived_].bytes.data() + afxdp::kFrameHeadroom, 0, static_cast<std::uint32_t>(arrived_), 0, 0};
    test::steer(frame, packet, port, 0);
    ++arrived_;
  }

  [[nodiscard]] std::span<afxdp::Frame> receive(std::uint32_t) noexcept override {
    return std::span{burst_}.first(std::exchange(arrived_, 0));
  }
  [[nodiscard]] bool transmit(const afxdp::Frame&, std::uint16_t, std::uint16_t) noexcept override {
    ++sent_;
    return true;
  }
  void release(std::uint32_t) noexcept override {}
  [[nodiscard]] afxdp::Frame allocate() noexcept override { return {}; }
  void flush() noexcept override {}
  void flush_paced() noexcept override {}
  [[nodiscard]] afxdp::Wake wait(std::chrono::milliseconds) noexcept override { return afxdp::Wake::timeout; }
  void wake() noexcept override {}
  [[nodiscard]] afxdp::SentFrames sent(std::uint16_t, std::uint16_t) const noexcept override { return {sent_, sent_}; }
  [[nodiscard]] std::uint32_t engine_frames() const noexcept override { return 4096; }

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

 private:
  struct alignas(64) Memory {
    std::array<std::uint8_t, 2048> bytes;
  };

  std::vector<Memory> memory_ = std::vector<Memory>(afxdp::kBurstMax);
  std::array<afxdp::Frame, afxdp::kBurstMax> burst_{};
  std::size_t arrived_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace twinpath::bench
