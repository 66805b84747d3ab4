// route_plan.hpp - makes the datapaths' routes and paths from Linux's routes.
//
// Local    The host's own and the broadcast addresses come from table local (255), other routes from main (254). For
//          equal prefixes, local wins.
// Devices  A route without a usable path over a port becomes DP_ROUTE_NOT_A_PORT: its packets are dropped, never passed
//          to Linux. A route with some paths over ports uses only those.
// Weights  A path of weight n is repeated n times, scaled down to DP_ROUTE_PATHS_MAX entries in all.
// Thread   pure.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "common/model/route.h"
#include "netlink/mirror.hpp"

namespace twinpath {

struct RoutePlan {
  // Ordered, so that two plans can be compared in step.
  std::map<netlink::Prefix, dp_route> routes;
  std::vector<dp_path> paths;
};

// The lookups that plan_routes() needs.
struct RoutePlanContext {
  std::function<std::uint16_t(std::uint32_t ifindex)> port_of;  // 0: no port
  // Next hop of a gateway on a port; 0 when there are no more.
  std::function<std::uint16_t(std::uint16_t port, const netlink::IpAddress& gateway)> next_hop_of;
};

[[nodiscard]] RoutePlan plan_routes(const netlink::Mirror& mirror, const RoutePlanContext& context);

}  // namespace twinpath
