// route_plan.hpp - what a route of Linux is to the datapaths.
//
// Devices  A route without a usable path over a port becomes DP_ROUTE_NOT_A_PORT: its packets are dropped, never passed
//          to Linux. A route with some paths over ports uses only those.
// Links    A link-local address of the host and a broadcast address belong to one port, which the answer names.
// Weights  A path of weight n is repeated n times, scaled down to DP_ROUTE_PATHS_MAX entries in all. Of more paths than
//          that the first are used.
// MTU      of a route, "mtu" and "mtu lock" alike, as Linux forwards by it (ip_dst_mtu_maybe_forward and, in later kernels,
//          ip6_dst_mtu_maybe_forward; earlier ones count an IPv6 route's only with "lock"). It is in the next hop; the port's is
//          the limit, and for IPv6 1,280 the least.
// Thread   pure, but for next_hop_of and source_of.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "fib/route_set.hpp"
#include "netlink/state.hpp"

namespace twinpath {

// The lookups that planning needs.
struct RouteContext {
  std::function<std::uint16_t(std::uint32_t ifindex)> port_of;  // 0: no port
  // Next hop of a gateway on a port for a route of this MTU, 0: the port's; 0 when there are no more.
  std::function<std::uint16_t(std::uint16_t port, const netlink::IpAddress& gateway, std::uint16_t mtu)> next_hop_of;
  // Number of the address that Linux sends from by this path of the route; 0: the one that the port has for others.
  std::function<std::uint16_t(const netlink::Route& route, const netlink::Path& path)> source_of;
};

struct RoutePlan {
  RouteValue value;
  bool complete = true;  // false: a gateway found no next hop, or there are more paths than can be held
};

// Nothing for routes that the datapaths never ask for: link-local and multicast prefixes, which exist once per device
// and are not forwarded, except the host's own addresses.
[[nodiscard]] std::optional<RoutePlan> plan_route(const netlink::Route& route, const RouteContext& context);

}  // namespace twinpath
