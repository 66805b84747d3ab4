// live_sender.hpp - the kernel's live-frame transmit as the driver's sender of bursts: two parts that do not know each
// other.
#pragma once

#include "afxdp/burst_sender.hpp"
#include "kernel/live_transmit.hpp"

namespace twinpath {

class LiveSender final : public afxdp::BurstSender {
 public:
  explicit LiveSender(LiveTransmit transmit) : transmit_(std::move(transmit)) {}
  [[nodiscard]] std::uint32_t longest_packet() const noexcept override { return DP_TRANSMIT_PACKET_MAX; }
  [[nodiscard]] bool put(std::span<const std::uint8_t> packet, std::uint16_t port) noexcept override {
    return transmit_.put(packet, port);
  }
  [[nodiscard]] bool send() noexcept override { return transmit_.send(); }

 private:
  LiveTransmit transmit_;
};

}  // namespace twinpath
