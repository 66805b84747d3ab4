#include "control/follow/route_plan.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <numeric>

#include "common/decide/martian.h"

namespace twinpath {
namespace {

using netlink::Path;
using netlink::Route;
using netlink::RouteKind;

struct WeightedHop {
  std::uint16_t next_hop;
  std::uint16_t port;
  std::uint32_t weight;
};

// Appends each next hop as often as its weight says. Weights whose sum exceeds DP_ROUTE_PATHS_MAX are scaled down, to
// at least one path each.
void append_weighted(const std::vector<WeightedHop>& hops, std::vector<dp_path>& paths) {
  std::uint32_t divisor = 0;
  std::uint32_t sum = 0;
  for (const WeightedHop& hop : hops) {
    divisor = std::gcd(divisor, hop.weight);
    sum += hop.weight;
  }
  divisor = std::max(divisor, 1U);
  const std::uint32_t paths_max = DP_ROUTE_PATHS_MAX;
  for (const WeightedHop& hop : hops) {
    std::uint32_t times = hop.weight / divisor;
    if (sum / divisor > paths_max)
      times = std::max<std::uint32_t>(
          1, static_cast<std::uint32_t>(std::uint64_t{hop.weight} * (paths_max - hops.size()) / sum));
    paths.insert(paths.end(), times, dp_path{hop.next_hop, hop.port, 0});
  }
}

std::uint8_t kind_of(RouteKind kind) {
  switch (kind) {
    case RouteKind::local:
    case RouteKind::anycast: return DP_ROUTE_LOCAL;
    case RouteKind::broadcast: return DP_ROUTE_BROADCAST;
    case RouteKind::blackhole: return DP_ROUTE_BLACKHOLE;
    case RouteKind::unreachable:
    case RouteKind::prohibit: return DP_ROUTE_UNREACHABLE;
    default: return DP_ROUTE_NONE;
  }
}

class Planner {
 public:
  explicit Planner(const RoutePlanContext& context) : context_(context) {}

  void add(const Route& route) {
    const bool link_wide = dp_address_link_local(route.prefix.base.family, &route.prefix.base.address) != 0 ||
                           dp_address_multicast(route.prefix.base.family, &route.prefix.base.address) != 0;
    // Link-local and multicast prefixes exist once per device and are never forwarded; only the host's own are kept.
    if (link_wide && route.kind != RouteKind::local) return;
    dp_route out{};
    out.kind = kind_of(route.kind);
    if (out.kind == DP_ROUTE_NONE && !add_unicast(route, out)) return;
    const bool local_table = route.table == RT_TABLE_LOCAL;
    if (local_table || !plan_.routes.contains(route.prefix)) plan_.routes[route.prefix] = out;
  }
  RoutePlan take() { return std::move(plan_); }

 private:
  [[nodiscard]] bool add_unicast(const Route& route, dp_route& out) {
    if (route.kind != RouteKind::unicast) return false;
    const std::vector<const Path*> alive = usable(route);
    if (alive.empty()) {
      out.kind = DP_ROUTE_NOT_A_PORT;
      return true;
    }
    if (alive.size() == 1 && alive[0]->gateway.family == DP_FAMILY_NONE) {
      out.kind = DP_ROUTE_ON_LINK;
      out.port = context_.port_of(alive[0]->ifindex);
      return true;
    }
    return add_gateways(alive, out);
  }

  [[nodiscard]] std::vector<const Path*> usable(const Route& route) const {
    std::vector<const Path*> out;
    for (const Path& path : route.paths) {
      if (!path.dead && !path.encapsulated && context_.port_of(path.ifindex) != 0) out.push_back(&path);
    }
    return out;
  }

  [[nodiscard]] bool add_gateways(const std::vector<const Path*>& alive, dp_route& out) {
    std::vector<WeightedHop> hops;
    for (const Path* path : alive) {
      if (path->gateway.family == DP_FAMILY_NONE) continue;  // an on-link path of a multipath route is not supported
      const std::uint16_t port = context_.port_of(path->ifindex);
      const std::uint16_t hop = context_.next_hop_of(port, path->gateway);
      if (hop != 0) hops.push_back({hop, port, path->weight});
    }
    if (hops.empty() || plan_.paths.size() + DP_ROUTE_PATHS_MAX > DP_PATHS_MAX) {
      out.kind = DP_ROUTE_UNREACHABLE;
      return true;
    }
    out.kind = DP_ROUTE_VIA;
    share_paths(hops, out);
    return true;
  }

  // Thousands of routes share a few gateways: equal runs of paths are stored once.
  void share_paths(const std::vector<WeightedHop>& hops, dp_route& out) {
    std::vector<dp_path> run;
    append_weighted(hops, run);
    const auto same = [](const dp_path& a, const dp_path& b) { return a.next_hop == b.next_hop && a.port == b.port; };
    auto at = std::search(plan_.paths.begin(), plan_.paths.end(), run.begin(), run.end(), same);
    out.first_path = static_cast<std::uint16_t>(at - plan_.paths.begin());
    out.path_count = static_cast<std::uint8_t>(run.size());
    if (at == plan_.paths.end()) plan_.paths.insert(plan_.paths.end(), run.begin(), run.end());
  }

  const RoutePlanContext& context_;
  RoutePlan plan_;
};

}  // namespace

RoutePlan plan_routes(const netlink::Mirror& mirror, const RoutePlanContext& context) {
  Planner planner(context);
  mirror.for_each_best_route([&](const Route& route) { planner.add(route); });
  return planner.take();
}

}  // namespace twinpath
