#include "netlink/route_store.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace twinpath::netlink {
namespace {

using List = RouteStore::List;

bool is_v6(const Route& route) { return route.prefix.base.family == DP_FAMILY_V6; }

// rt6_qualify_for_ecmp (include/net/ip6_route.h): by a gateway, not from a router advertisement, no nexthop object.
bool joins_multipath(const Route& route) {
  auto has_gateway = [](const Path& path) { return path.gateway.family != DP_FAMILY_NONE; };
  return is_v6(route) && route.nexthop_id == 0 && route.protocol != RTPROT_RA && !route.paths.empty() &&
         std::all_of(route.paths.begin(), route.paths.end(), has_gateway);
}

bool same_next_hops(const std::vector<Path>& a, const std::vector<Path>& b) {
  return std::is_permutation(a.begin(), a.end(), b.begin(), b.end(),
                             [](const Path& x, const Path& y) { return x.same_next_hop(y); });
}

// The part of a list with the route's metric and type of service.
struct Equals {
  List::iterator first;
  List::iterator last;
};

Equals equals_of(List& list, const Route& route) {
  auto rank = [](const Route& r) { return std::pair{r.tos, r.metric}; };
  auto before = [&](const Route& a, const Route& b) { return rank(a) < rank(b); };
  auto [first, last] = std::equal_range(list.begin(), list.end(), route, before);
  return {first, last};
}

// The route that `route` takes the place of; last when there is none.
List::iterator replaced_by(const Equals& equals, const Route& route) {
  if (!is_v6(route)) return equals.first;
  bool joins = joins_multipath(route);
  auto sort = [&](const Route& other) { return joins_multipath(other) == joins; };
  auto found = std::find_if(equals.first, equals.last, sort);
  return found != equals.last ? found : equals.first;
}

// A dump lists a route twice when it is there twice: what replaces one IPv6 route may be the same as the next one. An
// announcement says it again.
bool may_be_twin(const Route& route, RouteChange change) {
  return change == RouteChange::listed && is_v6(route) && !joins_multipath(route);
}

// The entry an announcement repeats, or for an IPv6 multipath route the one it is the new whole of.
List::iterator repeated_by(const Equals& equals, const Route& route) {
  bool joins = joins_multipath(route);
  return std::find_if(equals.first, equals.last, [&](const Route& other) {
    return joins && joins_multipath(other) ? other.kind == route.kind : same_route(other, route);
  });
}

bool replace(List& list, const Route& route) {
  Equals equals = equals_of(list, route);
  if (equals.first == equals.last) {
    list.insert(equals.last, route);
    return true;
  }
  auto place = replaced_by(equals, route);
  bool changed = !(*place == route);
  *place = route;
  // A repeated announcement may have left a second copy behind; IPv6 drops the other multipath routes as well.
  auto surplus = [&](const Route& other) {
    return &other != &*place && (same_route(other, route) || (joins_multipath(route) && joins_multipath(other)));
  };
  auto kept = std::stable_partition(place + 1, equals.last, [&](const Route& other) { return !surplus(other); });
  changed |= kept != equals.last;
  list.erase(kept, equals.last);
  return changed;
}

bool take_paths(Route& stored, const Route& named) {
  auto is_named = [&](const Path& path) {
    return std::any_of(named.paths.begin(), named.paths.end(), [&](const Path& p) { return p.same_next_hop(path); });
  };
  return std::erase_if(stored.paths, is_named) != 0;
}

}  // namespace

bool same_route(const Route& a, const Route& b) {
  return a.prefix == b.prefix && a.table == b.table && a.metric == b.metric && a.tos == b.tos && a.kind == b.kind &&
         a.nexthop_id == b.nexthop_id && (is_v6(a) || a.scope == b.scope) &&
         (a.nexthop_id != 0 || same_next_hops(a.paths, b.paths)) && (is_v6(a) || a.source == b.source);
}

bool RouteStore::doubtful(const Route& route, RouteChange change) const {
  const List* list = find(key_of(route));
  if (list == nullptr) return false;
  bool joins = joins_multipath(route);
  auto equal = [&](const Route& other) { return other.metric == route.metric && other.tos == route.tos; };
  auto other_sort = [&](const Route& other) { return equal(other) && joins_multipath(other) != joins; };
  bool several = std::count_if(list->begin(), list->end(), equal) > 1;
  if (!is_v6(route)) return several && change == RouteChange::replace && route.nexthop_id != 0;
  return (several && !joins) || std::any_of(list->begin(), list->end(), other_sort);
}

bool RouteStore::add(const Route& route, RouteChange change) {
  List& list = lists_[key_of(route)];
  if (change == RouteChange::replace) return replace(list, route);
  Equals equals = equals_of(list, route);
  auto repeated = may_be_twin(route, change) ? equals.last : repeated_by(equals, route);
  bool in_front = change == RouteChange::put && !is_v6(route);
  bool known = repeated != equals.last;
  bool stays = known && (is_v6(route) || repeated == (in_front ? equals.first : equals.last - 1));
  if (stays) {
    bool changed = !(*repeated == route);
    *repeated = route;
    return changed;
  }
  if (known) list.erase(repeated);
  equals = equals_of(list, route);
  list.insert(in_front ? equals.first : equals.last, route);
  return true;
}

bool RouteStore::remove(const Route& route) {
  auto entry = lists_.find(key_of(route));
  if (entry == lists_.end()) return false;
  List& list = entry->second;
  Equals equals = equals_of(list, route);
  auto found = std::find_if(equals.first, equals.last, [&](const Route& r) { return same_route(r, route); });
  bool changed = found != equals.last;
  if (changed) {
    list.erase(found);
  } else if (joins_multipath(route)) {
    for (auto stored = equals.first; stored != equals.last; ++stored)
      if (joins_multipath(*stored) && stored->kind == route.kind) changed |= take_paths(*stored, route);
    std::erase_if(list, [](const Route& r) {
      return is_v6(r) && r.kind == RouteKind::unicast && r.paths.empty() && r.nexthop_id == 0;
    });
  }
  if (list.empty()) lists_.erase(entry);
  return changed;
}

void RouteStore::remove_nexthop(std::uint32_t id, Keys& changed) {
  for (auto entry = lists_.begin(); entry != lists_.end();) {
    if (std::erase_if(entry->second, [&](const Route& r) { return r.nexthop_id == id; }) != 0)
      changed.insert(entry->first);
    entry = entry->second.empty() ? lists_.erase(entry) : std::next(entry);
  }
}

bool RouteStore::refresh(Route& stored, std::uint32_t ifindex, std::span<const Route> fresh, std::vector<bool>& seen) {
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (seen[i] || !same_route(fresh[i], stored)) continue;
    seen[i] = true;
    stored = fresh[i];
    return true;
  }
  if (!joins_multipath(stored)) return false;
  // Of an IPv6 multipath route only the paths over the device are gone; a fresh whole, if any, is added by the caller.
  std::erase_if(stored.paths, [&](const Path& path) { return path.ifindex == ifindex; });
  return !stored.paths.empty();
}

const RouteStore::List* RouteStore::find(const Key& key) const {
  auto entry = lists_.find(key);
  return entry == lists_.end() ? nullptr : &entry->second;
}

std::size_t RouteStore::size() const {
  std::size_t routes = 0;
  for (const auto& [key, list] : lists_) routes += list.size();
  return routes;
}

}  // namespace twinpath::netlink
