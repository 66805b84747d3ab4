// source_numbers.hpp - numbers of the addresses that routes are to send from, as the engine knows them.
//
// Bounds   kErrorSourcesMax - 1 addresses in the life of a daemon; routes with further ones use their port's address.
// Life     an address that the host has lost is none for the engine until it is back.
// Thread   the control thread's.
#pragma once

#include <map>
#include <set>

#include "engine/engine.hpp"
#include "netlink/mirror.hpp"

namespace twinpath {

class SourceNumbers {
 public:
  // 0: there are no more. Tells the engine about a new one.
  [[nodiscard]] std::uint16_t number_of(const netlink::IpAddress& address, Engine& engine) {
    const auto [entry, added] = numbers_.try_emplace(address, static_cast<std::uint16_t>(numbers_.size() + 1));
    if (added && entry->second >= kErrorSourcesMax) {
      numbers_.erase(entry);
      return 0;
    }
    if (added) tell(entry->second, address, true, engine);
    return entry->second;
  }
  // The host's addresses have changed.
  void follow(const netlink::Mirror& mirror, Engine& engine) const {
    std::set<netlink::IpAddress> own;
    for (const auto& [key, address] : mirror.addresses())
      if (address.usable()) own.insert(address.address);
    for (const auto& [address, number] : numbers_) tell(number, address, own.contains(address), engine);
  }

 private:
  static void tell(std::uint16_t number, const netlink::IpAddress& address, bool own, Engine& engine) {
    PortAddresses source;
    if (own) (address.family == DP_FAMILY_V4 ? source.v4 : source.v6) = address.address;
    engine.post(command::set_source(number, source));
  }

  std::map<netlink::IpAddress, std::uint16_t> numbers_;
};

}  // namespace twinpath
