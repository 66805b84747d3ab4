// flood.hpp - frames as fast as a device takes them, from a thread of its own, for as long as it lives.
#pragma once

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "harness/packet.hpp"
#include "harness/wire.hpp"

namespace twinpath::test {

class Flood {
 public:
  Flood(const TestNamespace& part, const std::string& device, std::vector<Bytes> frames)
      : sender_(part, device), frames_(std::move(frames)), thread_([this] {
          while (!stopping_) sent_ += sender_.flood(frames_);
        }) {}
  ~Flood() {
    stopping_ = true;
    thread_.join();
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  [[nodiscard]] std::size_t sent() const { return sent_; }

 private:
  Sender sender_;
  std::vector<Bytes> frames_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> sent_{0};
  std::thread thread_;
};

// `count` UDP packets from 10.1.0.2 to 10.2.0.2, each of another flow, as the lab's client would send them (up to 60,000).
inline std::vector<Bytes> new_flows(std::uint16_t count, std::size_t payload = 0) {
  std::vector<Bytes> frames;
  for (std::uint16_t i = 0; i < count; ++i) {
    const Udp udp{.sport = static_cast<std::uint16_t>(1024 + i), .dport = static_cast<std::uint16_t>(40000 + i % 997)};
    const Eth link{.dst = {{0x02, 0x74, 0x77, 0, 1, 1}}, .src = {{0x02, 0x74, 0x77, 0, 1, 2}}};
    frames.push_back((link / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2"} / udp / Payload(payload)).bytes());
  }
  return frames;
}

}  // namespace twinpath::test
