// route_plan.hpp - what a route of Linux is to the datapaths.
//
// Devices  A route without a usable path over a port becomes DP_ROUTE_NOT_A_PORT: its packets are dropped, never passed
//          to Linux. A route with some paths over ports uses only those.
// Links    A link-local address of the host and a broadcast address belong to one port, which the answer names.
// Weights  A path of weight n is repeated n times, scaled down to DP_ROUTE_PATHS_MAX entries in all. Of more paths than
//          that the first are used.
// Thread   pure, but for next_hop_of.
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
  // Next hop of a gateway on a port; 0 when there are no more.
  std::function<std::uint16_t(std::uint16_t port, const netlink::IpAddress& gateway)> next_hop_of;
};

struct RoutePlan {
  RouteValue value;
  bool complete = true;  // false: a gateway found no next hop, or there are more paths than can be held
};

// Nothing for routes that the datapaths never ask for: link-local and multicast prefixes, which exist once per device
// and are not forwarded, except the host's own addresses.
[[nodiscard]] std::optional<RoutePlan> plan_route(const netlink::Route& route, const RouteContext& context);

}  // namespace twinpath
