// burst_sender.hpp - sends whole bursts at once instead of through TX rings, for devices that take XDP redirects.
//
// Loop     put() packets until the burst is full, then send() them all. send() keeps the order of put(); the packets
//          are on the devices' queues when it returns.
// Thread   the driver's. Nothing allocates or throws.
// Used by  the driver; implemented over kernel/live_transmit.hpp.
#pragma once

#include <cstdint>
#include <span>

namespace twinpath::afxdp {

class BurstSender {
 public:
  virtual ~BurstSender() = default;
  [[nodiscard]] virtual std::uint32_t longest_packet() const noexcept = 0;
  // Copies the packet, `longest_packet()` bytes at most. False: the burst is full.
  [[nodiscard]] virtual bool put(std::span<const std::uint8_t> packet, std::uint16_t device) noexcept = 0;
  // Empties the burst. False: nothing of it was sent.
  [[nodiscard]] virtual bool send() noexcept = 0;
};

}  // namespace twinpath::afxdp
