// parse.hpp - rtnetlink messages to values. Pure: bytes in, value out.
//
// Each function answers nullopt for a message that is not about its noun (another family, a bridge's own entry, a
// cached route) or is too short.
#pragma once

#include <linux/netlink.h>

#include <optional>

#include "netlink/state.hpp"

namespace twinpath::netlink {

// RTM_NEWLINK, RTM_DELLINK. A bridge's messages about its ports (family AF_BRIDGE) are not about the link itself.
[[nodiscard]] std::optional<Link> parse_link(const nlmsghdr& message);
// RTM_NEWADDR, RTM_DELADDR.
[[nodiscard]] std::optional<Address> parse_address_message(const nlmsghdr& message);
// RTM_NEWROUTE, RTM_DELROUTE.
[[nodiscard]] std::optional<Route> parse_route(const nlmsghdr& message);
// RTM_NEWRULE, RTM_DELRULE.
[[nodiscard]] std::optional<RouteRule> parse_rule(const nlmsghdr& message);
// RTM_NEWNEXTHOP, RTM_DELNEXTHOP.
[[nodiscard]] std::optional<Nexthop> parse_nexthop(const nlmsghdr& message);
// RTM_NEWNEIGH, RTM_DELNEIGH. Proxy entries are no neighbours, nor are multicast groups: Linux keeps those as entries
// without ARP, which it never announces.
[[nodiscard]] std::optional<Neighbour> parse_neighbour(const nlmsghdr& message);

}  // namespace twinpath::netlink
