// live_sender.hpp - LiveTransmit (kernel/) as the driver's BurstSender (afxdp/): neither folder includes the other.
#pragma once

#include "afxdp/burst_sender.hpp"
#include "kernel/live_transmit.hpp"

namespace twinpath {

class LiveSender final : public afxdp::BurstSender {
 public:
  explicit LiveSender(LiveTransmit transmit) : transmit_(std::move(transmit)) {}
  [[nodiscard]] std::uint32_t longest_packet() const noexcept override { return DP_TRANSMIT_PACKET_MAX; }
  [[nodiscard]] bool put(std::span<const std::uint8_t> packet, std::uint16_t device) noexcept override {
    return transmit_.put(packet, device);
  }
  [[nodiscard]] bool send() noexcept override { return transmit_.send(); }

 private:
  LiveTransmit transmit_;
};

}  // namespace twinpath
