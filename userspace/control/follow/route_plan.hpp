// route_plan.hpp - Linux's routes as the datapaths look them up.
//
// Local    table 255 gives the host's own and the broadcast addresses; main (254) the rest. Local wins for an equal prefix.
// Devices  a path over a device that is no port makes the route "not a port": such packets are dropped, never handed to
//          Linux. A route with some paths over ports uses those alone.
// Weights  are expressed by repetition, reduced to DP_ROUTE_PATHS_MAX entries.
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

// What the plan asks about its surroundings.
struct RoutePlanContext {
  std::function<std::uint16_t(std::uint32_t ifindex)> port_of;  // 0: no port
  // Next hop of a gateway on a port; 0 when there are no more.
  std::function<std::uint16_t(std::uint16_t port, const netlink::IpAddress& gateway)> next_hop_of;
};

[[nodiscard]] RoutePlan plan_routes(const netlink::Mirror& mirror, const RoutePlanContext& context);

}  // namespace twinpath
