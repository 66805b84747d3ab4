#include "control/follow/route_plan.hpp"

#include <algorithm>
#include <numeric>

#include "common/decide/martian.h"

namespace twinpath {
namespace {

using netlink::Path;
using netlink::Route;
using netlink::RouteKind;

constexpr std::size_t kPathsMax = DP_ROUTE_PATHS_MAX;

struct WeightedPath {
  dp_path path;
  std::uint32_t weight;
};

// Each path as often as its weight says. Weights whose sum exceeds kPathsMax are scaled down, to at least one path each.
std::vector<dp_path> spread_by_weight(const std::vector<WeightedPath>& paths) {
  std::uint64_t divisor = 0;
  std::uint64_t sum = 0;
  for (const WeightedPath& path : paths) {
    divisor = std::gcd(divisor, std::uint64_t{path.weight});
    sum += path.weight;
  }
  divisor = std::max<std::uint64_t>(divisor, 1);
  std::vector<dp_path> out;
  for (const WeightedPath& path : paths) {
    std::uint64_t times = path.weight / divisor;
    if (sum / divisor > kPathsMax) times = std::max<std::uint64_t>(1, path.weight * (kPathsMax - paths.size()) / sum);
    out.insert(out.end(), times, path.path);
  }
  return out;
}

dp_route_kind kind_of(RouteKind kind) {
  switch (kind) {
    case RouteKind::local:
    case RouteKind::anycast: return DP_ROUTE_LOCAL;
    case RouteKind::broadcast: return DP_ROUTE_BROADCAST;
    case RouteKind::blackhole: return DP_ROUTE_BLACKHOLE;
    case RouteKind::unreachable: return DP_ROUTE_UNREACHABLE;
    case RouteKind::prohibit: return DP_ROUTE_PROHIBITED;
    case RouteKind::throw_: return DP_ROUTE_THROW;
    default: return DP_ROUTE_NONE;
  }
}

bool link_wide(const netlink::IpAddress& base) {
  return dp_address_link_local(base.family, &base.address) != 0 ||
         dp_address_multicast(base.family, &base.address) != 0;
}

// 0: the route names none.
std::uint16_t mtu_of(const Route& route) {
  constexpr std::uint16_t kV6Least = 1280;  // RFC 8200 section 5
  const auto mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(route.mtu, UINT16_MAX));
  if (mtu == 0 || route.prefix.base.family == DP_FAMILY_V4) return mtu;
  return std::max(mtu, kV6Least);
}

void plan_unicast(const Route& route, const RouteContext& context, RoutePlan& plan) {
  std::vector<WeightedPath> paths;
  bool over_a_port = false;
  const std::uint16_t mtu = mtu_of(route);
  for (const Path& path : route.paths) {
    const std::uint16_t port = path.dead || path.encapsulated ? std::uint16_t{0} : context.port_of(path.ifindex);
    if (port == 0) continue;
    over_a_port = true;
    if (paths.size() == kPathsMax) {
      plan.complete = false;
      break;
    }
    const bool on_link = path.gateway.family == DP_FAMILY_NONE;
    const std::uint16_t hop = on_link ? std::uint16_t{0} : context.next_hop_of(port, path.gateway, mtu);
    if (on_link || hop != 0)
      paths.push_back({{hop, port, on_link ? mtu : std::uint16_t{0}, context.source_of(route, path)}, path.weight});
    else
      plan.complete = false;
  }
  dp_route& out = plan.value.route;
  if (paths.empty()) {
    out.kind = over_a_port ? DP_ROUTE_UNREACHABLE : DP_ROUTE_NOT_A_PORT;
  } else if (paths.size() == 1 && paths[0].path.next_hop == 0 && mtu == 0) {
    out.kind = DP_ROUTE_ON_LINK;
    out.port = paths[0].path.port;
    if (paths[0].path.source != 0) plan.value.paths.push_back(paths[0].path);
  } else {
    out.kind = DP_ROUTE_VIA;
    plan.value.paths = spread_by_weight(paths);
  }
}

}  // namespace

std::optional<RoutePlan> plan_route(const Route& route, const RouteContext& context) {
  if (route.kind != RouteKind::local && link_wide(route.prefix.base)) return {};
  RoutePlan plan;
  plan.value.route.prefix_bits = route.prefix.bits;
  plan.value.route.kind = kind_of(route.kind);
  const bool on_its_link = route.kind == RouteKind::broadcast || link_wide(route.prefix.base);
  if (on_its_link && !route.paths.empty()) plan.value.route.port = context.port_of(route.paths.front().ifindex);
  if (route.kind == RouteKind::unicast)
    plan_unicast(route, context, plan);
  else if (plan.value.route.kind == DP_ROUTE_NONE)
    return {};
  return plan;
}

}  // namespace twinpath
