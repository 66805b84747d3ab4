#include "netlink/state.hpp"

#include <arpa/inet.h>
#include <linux/if_addr.h>

namespace twinpath::netlink {

bool Address::usable() const {
  bool tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  return !tentative && (flags & IFA_F_DADFAILED) == 0;
}

bool Neighbour::usable() const {
  switch (state) {
    case NeighbourState::reachable:
    case NeighbourState::stale:
    case NeighbourState::delay:
    case NeighbourState::probe:
    case NeighbourState::permanent: return has_mac;
    default: return false;
  }
}

bool Neighbour::fixed() const {
  return external || state == NeighbourState::permanent || state == NeighbourState::noarp;
}

std::string_view name_of(RouteKind kind) {
  static constexpr std::string_view names[] = {"unicast",   "local",       "broadcast", "anycast", "multicast",
                                               "blackhole", "unreachable", "prohibit",  "throw",   "other"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view name_of(NeighbourState state) {
  static constexpr std::string_view names[] = {"none",  "incomplete", "reachable", "stale",    "delay",
                                               "probe", "failed",     "noarp",     "permanent"};
  return names[static_cast<std::size_t>(state)];
}

std::string to_string(const IpAddress& address) {
  if (address.family == DP_FAMILY_NONE) return {};
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.family == DP_FAMILY_V4 ? AF_INET : AF_INET6, &address.address, text, sizeof text);
  return text;
}

IpAddress parse_address(const std::string& text) {
  IpAddress address;
  if (::inet_pton(AF_INET, text.c_str(), &address.address) == 1) {
    address.family = DP_FAMILY_V4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &address.address) == 1) {
    address.family = DP_FAMILY_V6;
  }
  return address;
}

Prefix make_prefix(const IpAddress& address, std::uint8_t bits) {
  Prefix prefix{address, bits};
  auto* byte = reinterpret_cast<std::uint8_t*>(&prefix.base.address);
  for (unsigned i = 0; i < sizeof prefix.base.address; ++i) {
    unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
    if (kept < 8) byte[i] &= static_cast<std::uint8_t>(0xff00u >> kept);
  }
  return prefix;
}

}  // namespace twinpath::netlink
