// error_rate.hpp - how many ICMP errors one host gets: who forges a victim's address makes the gateway send to it.
//
// Source   RFC 4443 2.4 (f), RFC 1812 4.3.2.8; Linux limits them by destination, too, and spares what path MTU discovery needs
//          (net/ipv4/icmp.c, icmpv4_xrlim_allow).
// Shape    a table of windows of one second, by a keyed hash of the host. Hosts that share a window share its limit.
// Thread   the engine's. Nothing allocates after construction.
#pragma once

#include <array>
#include <cstdint>
#include <random>

#include "common/model/address.h"

namespace twinpath {

class ErrorRate {
 public:
  static constexpr std::uint32_t kPerHostAndSecond = 50;

  // Counts one error to `host`; false: it gets no more in this second.
  [[nodiscard]] bool take(const dp_address& host, std::uint32_t now, std::uint32_t ticks_per_second) noexcept {
    Window& window = windows_[slot_of(host)];
    if (now - window.second >= ticks_per_second) window = {now, 0};
    return window.used++ < kPerHostAndSecond;
  }

 private:
  struct Window {
    std::uint32_t second = 0;
    std::uint32_t used = 0;
  };
  static constexpr std::size_t kWindows = 4096;

  [[nodiscard]] std::size_t slot_of(const dp_address& host) const noexcept {
    std::uint64_t hash = seed_;
    for (const std::uint32_t word : host.word) hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
    return hash >> 52;
  }

  std::uint64_t seed_ = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  std::array<Window, kWindows> windows_{};
};

}  // namespace twinpath
