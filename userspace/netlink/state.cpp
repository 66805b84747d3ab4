#include "netlink/state.hpp"

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

}  // namespace twinpath::netlink
