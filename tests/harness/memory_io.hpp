// memory_io.hpp - the engine's packet I/O over plain memory instead of sockets, with a record of which frames the
// engine has.
#pragma once

#include <cstring>
#include <deque>
#include <set>
#include <vector>

#include "afxdp/frame_io.hpp"
#include "common/model/metadata.h"
#include "common/model/settings.h"
#include "harness/packet.hpp"

namespace twinpath::test {

// Writes `packet` into `frame` as the kernel datapath steers it: with its metadata in front.
inline void steer(afxdp::Frame& frame, std::span<const std::uint8_t> packet, std::uint16_t port, std::uint16_t queue) {
  std::copy(packet.begin(), packet.end(), frame.data);
  frame.length = static_cast<std::uint32_t>(packet.size());
  frame.queue = queue;
  dp_metadata metadata{};
  metadata.magic = DP_METADATA_MAGIC;
  metadata.version = DP_LAYOUT_VERSION;
  metadata.port = port;
  metadata.frame_bytes = frame.length;
  std::memcpy(frame.data - sizeof(metadata), &metadata, sizeof(metadata));
}

class MemoryIo final : public afxdp::FrameIo {
 public:
  static constexpr std::uint32_t kFrameBytes = 4096;

  explicit MemoryIo(std::uint32_t frames = 1024) : memory_(std::size_t{frames} * kFrameBytes) {
    for (std::uint32_t i = frames; i-- > 0;) free_.push_back(i);
  }

  struct Sent {
    Bytes bytes;
    std::uint16_t device;
  };

  void arrive(const Bytes& bytes, std::uint16_t port, std::uint16_t queue = 0) {
    afxdp::Frame frame = take();
    steer(frame, bytes, port, queue);
    arriving_.push_back(frame);
  }

  std::span<afxdp::Frame> receive(std::uint32_t burst) noexcept override {
    burst_.clear();
    while (burst_.size() < burst && !arriving_.empty()) {
      burst_.push_back(arriving_.front());
      engine_.insert(arriving_.front().index);
      arriving_.pop_front();
    }
    return burst_;
  }
  bool transmit(const afxdp::Frame& frame, std::uint16_t device, std::uint16_t) noexcept override {
    if (full) return false;
    leave(frame.index);
    sent_frames.push_back({Bytes(frame.data, frame.data + frame.length), device});
    ++queued_;
    return true;
  }
  void release(std::uint32_t index) noexcept override {
    leave(index);
    ++released;
  }
  afxdp::Frame allocate() noexcept override {
    if (free_.empty() || no_frames) return {};
    const afxdp::Frame frame = take();
    engine_.insert(frame.index);
    return frame;
  }
  void flush_paced() noexcept override { flush(); }
  void flush() noexcept override {
    if (!stuck) completed_ = queued_;
  }
  afxdp::Wake wait(std::chrono::milliseconds) noexcept override { return afxdp::Wake::timeout; }
  void wake() noexcept override {}
  afxdp::SentFrames sent(std::uint16_t, std::uint16_t) const noexcept override { return {queued_, completed_}; }
  std::uint32_t engine_frames() const noexcept override { return 4096; }
  afxdp::Losses take_losses() noexcept override { return std::exchange(losses, {}); }

  // Frames that the engine has and has neither sent nor released.
  [[nodiscard]] std::size_t with_engine() const { return engine_.size(); }
  [[nodiscard]] std::vector<Sent> take_sent() { return std::exchange(sent_frames, {}); }

  std::vector<Sent> sent_frames;
  std::size_t released = 0;
  std::size_t mistakes = 0;  // a frame given back that the engine did not have
  afxdp::Losses losses;      // what the next take_losses() tells
  bool full = false;
  bool stuck = false;
  bool no_frames = false;

 private:
  afxdp::Frame take() {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return {memory_.data() + std::size_t{index} * kFrameBytes + afxdp::kFrameHeadroom, 0, index, 0, 0};
  }
  void leave(std::uint32_t index) {
    if (engine_.erase(index) == 0) {
      ++mistakes;
      return;
    }
    free_.push_back(index);
  }

  Bytes memory_;
  std::vector<std::uint32_t> free_;
  std::deque<afxdp::Frame> arriving_;
  std::vector<afxdp::Frame> burst_;
  std::set<std::uint32_t> engine_;
  std::uint64_t queued_ = 0;
  std::uint64_t completed_ = 0;
};

}  // namespace twinpath::test
