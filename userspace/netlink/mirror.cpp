#include "netlink/mirror.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <utility>

#include "netlink/parse.hpp"

namespace twinpath::netlink {
namespace {

constexpr int kDatagramsPerCall = 4096;

constexpr int kGroups[] = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                           RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH,
                           RTNLGRP_NEXTHOP,    RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE};

Mirror::AddressKey key_of(const Address& address) {
  return {address.ifindex, address.address, address.peer, address.prefix_bits};
}

// Stores `value` under `key`, or takes the key away; true when that changed the map.
template <class Map>
bool store(Map& map, const typename Map::key_type& key, const typename Map::mapped_type& value, bool remove) {
  if (remove) return map.erase(key) != 0;
  auto [entry, added] = map.try_emplace(key, value);
  if (added || entry->second == value) return added;
  entry->second = value;
  return true;
}

// Paths and routes change unannounced with these.
bool changes_routes(const Link& before, const Link& after) {
  return before.admin_up != after.admin_up || before.carrier != after.carrier;
}

std::vector<NeighbourKey> differences(const Mirror::Neighbours& before, const Mirror::Neighbours& after) {
  std::vector<NeighbourKey> keys;
  for (const auto& [key, neighbour] : before) {
    auto found = after.find(key);
    if (found == after.end() || !(found->second == neighbour)) keys.push_back(key);
  }
  for (const auto& [key, neighbour] : after)
    if (!before.contains(key)) keys.push_back(key);
  return keys;
}

// The keys whose lists differ.
void mark_differences(const std::map<RouteStore::Key, RouteStore::List>& before,
                      const std::map<RouteStore::Key, RouteStore::List>& after, RouteStore::Keys& changed) {
  auto old = before.begin();
  for (const auto& [key, list] : after) {
    for (; old != before.end() && old->first < key; ++old) changed.insert(old->first);
    const bool same = old != before.end() && old->first == key && old->second == list;
    if (!same) changed.insert(key);
    if (old != before.end() && old->first == key) ++old;
  }
  for (; old != before.end(); ++old) changed.insert(old->first);
}

void sort_unique(std::vector<NeighbourKey>& keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

RouteChange change_of(const nlmsghdr& message) {
  if ((message.nlmsg_flags & NLM_F_REPLACE) != 0) return RouteChange::replace;
  return (message.nlmsg_flags & NLM_F_APPEND) != 0 ? RouteChange::append : RouteChange::put;
}

}  // namespace

Result<Mirror> Mirror::open(const MirrorOptions& options) {
  auto socket = Socket::open(NETLINK_ROUTE);
  if (!socket) return pass_on(socket.error());
  socket->set_receive_buffer(options.receive_buffer_bytes);
  // Before the dump, so that nothing falls between the two.
  for (int group : kGroups)
    if (Status joined = socket->join(group); !joined) return pass_on(joined.error());
  auto dumper = Dumper::open();
  if (!dumper) return pass_on(dumper.error());
  Mirror mirror{std::move(*socket), std::move(*dumper)};
  auto state = mirror.load();
  if (!state) return pass_on(Error{state.error()}.in("read the state of Linux"));
  mirror.state_ = std::move(*state);
  return mirror;
}

Result<Changes> Mirror::process() {
  for (int i = 0; i < kDatagramsPerCall && !lost_; ++i) {
    auto datagram = notifications_.receive();
    if (!datagram && datagram.error().code != ENOBUFS) return pass_on(datagram.error());
    lost_ = !datagram;
    if (lost_ || datagram->empty()) break;
    for_each_message(*datagram, [&](const nlmsghdr& message) { apply(message, pending_); });
  }
  if (lost_) return resync();
  if (rules_stale_)
    if (Status refreshed = refresh_rules(pending_); !refreshed) return pass_on(refreshed.error());
  if (doubtful_ || !stale_devices_.empty()) {
    if (Status refreshed = refresh_routes(pending_); !refreshed) return pass_on(refreshed.error());
  }
  return take_changes();
}

Changes Mirror::take_changes() {
  sort_unique(pending_.neighbours);
  return std::exchange(pending_, {});
}

// A socket that overflowed takes nothing more until it is empty, and what it holds has gaps behind it: applied to
// the new state it could bring back what is gone. So it is emptied before the dump.
void Mirror::discard_announcements() {
  for (;;) {
    auto datagram = notifications_.receive();
    if (datagram ? datagram->empty() : datagram.error().code != ENOBUFS) return;
  }
}

Result<Changes> Mirror::resync() {
  lost_ = true;
  discard_announcements();
  auto fresh = load();
  if (!fresh) return pass_on(Error{fresh.error()}.in("read the state of Linux again"));
  lost_ = false;
  stale_devices_.clear();
  doubtful_ = false;
  rules_stale_ = false;
  pending_.resynced = true;
  pending_.links |= !(state_.links == fresh->links);
  for (const auto& [ifindex, link] : state_.links)
    if (!fresh->links.contains(ifindex)) pending_.gone_links.insert(ifindex);
  pending_.addresses |= !(state_.addresses == fresh->addresses);
  pending_.rules |= state_.rules != fresh->rules;
  mark_differences(state_.routes.lists(), fresh->routes.lists(), pending_.routes);
  const auto nexthops = std::exchange(state_.nexthops, fresh->nexthops);
  for (const auto& [id, nexthop] : nexthops)
    if (!fresh->nexthops.contains(id) || !(fresh->nexthops.at(id) == nexthop))
      mark_routes_of_nexthop(id, pending_.routes);
  auto changed = differences(state_.neighbours, fresh->neighbours);
  pending_.neighbours.insert(pending_.neighbours.end(), changed.begin(), changed.end());
  state_ = std::move(*fresh);
  return take_changes();
}

Result<Mirror::State> Mirror::load() {
  State state;
  auto links = dumper_.links();
  if (!links) return pass_on(links.error());
  for (const Link& link : *links) state.links.emplace(link.ifindex, link);
  auto addresses = dumper_.addresses();
  if (!addresses) return pass_on(addresses.error());
  for (Address& address : *addresses) {
    address.order = state.last_address++;
    state.addresses.emplace(key_of(address), address);
  }
  auto nexthops = dumper_.nexthops();
  if (!nexthops) return pass_on(nexthops.error());
  for (const Nexthop& nexthop : *nexthops) state.nexthops.emplace(nexthop.id, nexthop);
  auto rules = dumper_.rules();
  if (!rules) return pass_on(rules.error());
  state.rules = std::move(*rules);
  auto routes = dumper_.routes();
  if (!routes) return pass_on(routes.error());
  for (const Route& route : *routes) state.routes.add(route, RouteChange::listed);
  auto neighbours = dumper_.neighbours();
  if (!neighbours) return pass_on(neighbours.error());
  for (const Neighbour& neighbour : *neighbours) state.neighbours.emplace(neighbour.key, neighbour);
  return state;
}

Status Mirror::refresh_nexthops(Changes& changes) {
  auto nexthops = dumper_.nexthops();
  if (!nexthops) return pass_on(nexthops.error());
  std::map<std::uint32_t, Nexthop> fresh;
  for (const Nexthop& nexthop : *nexthops) fresh.emplace(nexthop.id, nexthop);
  for (const auto& [id, nexthop] : state_.nexthops)
    if (!fresh.contains(id)) state_.routes.remove_nexthop(id, changes.routes);
  const auto before = std::exchange(state_.nexthops, std::move(fresh));
  for (const auto& [id, nexthop] : state_.nexthops)
    if (auto known = before.find(id); known == before.end() || !(known->second == nexthop))
      mark_routes_of_nexthop(id, changes.routes);
  return {};
}

Status Mirror::refresh_rules(Changes& changes) {
  auto rules = dumper_.rules();
  if (!rules) return pass_on(rules.error());
  rules_stale_ = false;
  changes.rules |= state_.rules != *rules;
  state_.rules = std::move(*rules);
  return {};
}

Status Mirror::refresh_routes(Changes& changes) {
  if (Status done = dumper_.wait_for_changes_under_way(); !done) return done;
  if (Status refreshed = refresh_nexthops(changes); !refreshed) return refreshed;
  if (doubtful_)
    if (Status refreshed = refresh_all_routes(changes); !refreshed) return refreshed;
  while (!stale_devices_.empty()) {
    std::uint32_t ifindex = *stale_devices_.begin();
    if (Status refreshed = refresh_routes_over(ifindex, changes); !refreshed) return refreshed;
    stale_devices_.erase(ifindex);
  }
  return {};
}

Status Mirror::refresh_all_routes(Changes& changes) {
  auto routes = dumper_.routes();
  if (!routes) return pass_on(routes.error());
  RouteStore fresh;
  for (const Route& route : *routes) fresh.add(route, RouteChange::listed);
  mark_differences(state_.routes.lists(), fresh.lists(), changes.routes);
  state_.routes = std::move(fresh);
  stale_devices_.clear();
  doubtful_ = false;
  return {};
}

Status Mirror::refresh_routes_over(std::uint32_t ifindex, Changes& changes) {
  std::vector<Route> fresh;
  // The kernel refuses to filter by a device that is gone; its routes are gone as well.
  if (state_.links.contains(ifindex)) {
    auto routes = dumper_.routes(ifindex);
    if (!routes && routes.error().code != ENODEV) return pass_on(routes.error());
    if (routes) fresh = std::move(*routes);
  }
  auto uses_device = [&](const Route& route) { return leads_over(route, ifindex); };
  state_.routes.reconcile(uses_device, ifindex, fresh, changes.routes);
  return {};
}

void Mirror::apply(const nlmsghdr& message, Changes& changes) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: return apply_link(message, changes);
    case RTM_NEWADDR:
    case RTM_DELADDR: return apply_address(message, changes);
    case RTM_NEWROUTE:
    case RTM_DELROUTE: return apply_route(message, changes);
    case RTM_NEWRULE:
    case RTM_DELRULE: rules_stale_ = true; return;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP: return apply_nexthop(message, changes);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: return apply_neighbour(message, changes);
    default: return;
  }
}

void Mirror::apply_link(const nlmsghdr& message, Changes& changes) {
  auto link = parse_link(message);
  if (!link) return;
  bool remove = message.nlmsg_type == RTM_DELLINK;
  auto known = state_.links.find(link->ifindex);
  if (remove || (known != state_.links.end() && changes_routes(known->second, *link)))
    stale_devices_.insert(link->ifindex);
  if (remove) changes.gone_links.insert(link->ifindex);
  changes.links |= store(state_.links, link->ifindex, *link, remove);
}

void Mirror::apply_address(const nlmsghdr& message, Changes& changes) {
  auto address = parse_address_message(message);
  if (!address) return;
  bool remove = message.nlmsg_type == RTM_DELADDR;
  if (remove) mark_routes_from(address->address);
  // Linux puts a new IPv4 address behind the others, a new IPv6 address before them.
  if (const auto known = state_.addresses.find(key_of(*address)); known != state_.addresses.end())
    address->order = known->second.order;
  else
    address->order = address->address.family == DP_FAMILY_V4 ? state_.last_address++ : --state_.first_address;
  changes.addresses |= store(state_.addresses, key_of(*address), *address, remove);
}

// Before Linux 6.5 the routes that prefer a source address went with it unannounced.
void Mirror::mark_routes_from(const IpAddress& source) {
  for (const auto& [key, list] : state_.routes.lists())
    for (const Route& route : list)
      if (route.source == source)
        for (const Path& path : route.paths) stale_devices_.insert(path.ifindex);
}

void Mirror::apply_route(const nlmsghdr& message, Changes& changes) {
  auto route = parse_route(message);
  if (!route) return;
  if (message.nlmsg_type == RTM_DELROUTE) {
    doubtful_ |= state_.routes.doubtful(*route, RouteChange::put);
    if (state_.routes.remove(*route)) changes.routes.insert(key_of(*route));
    return;
  }
  doubtful_ |= state_.routes.doubtful(*route, change_of(message));
  if (state_.routes.add(*route, change_of(message))) changes.routes.insert(key_of(*route));
}

void Mirror::apply_nexthop(const nlmsghdr& message, Changes& changes) {
  auto nexthop = parse_nexthop(message);
  if (!nexthop) return;
  bool remove = message.nlmsg_type == RTM_DELNEXTHOP;
  if (remove) state_.routes.remove_nexthop(nexthop->id, changes.routes);
  if (remove) mark_routes_of_nexthop(nexthop->id, changes.routes);  // of the groups that had it
  if (store(state_.nexthops, nexthop->id, *nexthop, remove) && !remove)
    mark_routes_of_nexthop(nexthop->id, changes.routes);
}

void Mirror::apply_neighbour(const nlmsghdr& message, Changes& changes) {
  auto neighbour = parse_neighbour(message);
  if (!neighbour) return;
  bool remove = message.nlmsg_type == RTM_DELNEIGH;
  // Linux does not tell that it tries a failed one again; that it has failed again is news to whoever waits for it.
  const bool failed = !remove && neighbour->state == NeighbourState::failed;
  if (store(state_.neighbours, neighbour->key, *neighbour, remove) || failed)
    changes.neighbours.push_back(neighbour->key);
}

const Link* Mirror::find_link(const std::string& name) const {
  for (const auto& [ifindex, link] : state_.links)
    if (link.name == name) return &link;
  return nullptr;
}

const Neighbour* Mirror::find_neighbour(const NeighbourKey& key) const {
  auto found = state_.neighbours.find(key);
  return found == state_.neighbours.end() ? nullptr : &found->second;
}

void Mirror::mark_routes_of_nexthop(std::uint32_t id, RouteStore::Keys& changed) const {
  std::set<std::uint32_t> ids{id};
  for (const auto& [group, nexthop] : state_.nexthops)
    for (const Nexthop::Member& member : nexthop.members)
      if (member.id == id) ids.insert(group);
  for (const auto& [key, list] : state_.routes.lists())
    for (const Route& route : list)
      if (route.nexthop_id != 0 && ids.contains(route.nexthop_id)) changed.insert(key);
}

bool Mirror::leads_over(const Route& route, std::uint32_t ifindex) const {
  auto over = [&](const Path& path) { return path.ifindex == ifindex; };
  if (std::any_of(route.paths.begin(), route.paths.end(), over)) return true;
  if (route.nexthop_id == 0) return false;
  Route whole = resolved(route);
  return std::any_of(whole.paths.begin(), whole.paths.end(), over);
}

Route Mirror::resolved(const Route& route) const {
  auto nexthop = state_.nexthops.find(route.nexthop_id);
  if (nexthop == state_.nexthops.end()) return route;
  Route whole = route;
  whole.paths.clear();
  auto take = [&](const Nexthop& single, std::uint32_t weight) {
    if (single.blackhole) return;
    whole.paths.push_back(single.path);
    whole.paths.back().weight = weight;
  };
  if (nexthop->second.members.empty()) take(nexthop->second, 1);
  for (const Nexthop::Member& member : nexthop->second.members)
    if (auto single = state_.nexthops.find(member.id); single != state_.nexthops.end())
      take(single->second, member.weight);
  if (whole.paths.size() == 1) whole.paths[0].weight = 1;
  if (whole.paths.empty() && whole.kind == RouteKind::unicast) whole.kind = RouteKind::blackhole;
  return whole;
}

// Linux passes over a route whose every path is dead (fib_select_default, fib6_select_path), not over one that goes
// nowhere on purpose. Among IPv6 routes of one metric the router's preference decides (net/ipv6/route.c, rt6_score_route;
// RFC 4191 section 3.2), then the order. Whether a router answers does not: a host asks that, a router does not.
std::optional<Route> Mirror::best_route(const RouteStore::Key& key) const {
  const RouteStore::List* list = state_.routes.find(key);
  return list == nullptr ? std::nullopt : best_of(*list);
}

std::optional<Route> Mirror::best_of(const RouteStore::List& list) const {
  std::optional<Route> best;
  for (const Route& stored : list) {
    if (best && stored.metric != best->metric) break;
    if (stored.tos != 0 || (best && stored.preference <= best->preference)) continue;
    Route route = resolved(stored);
    auto dead = [](const Path& path) { return path.dead; };
    if (route.paths.empty() || !std::all_of(route.paths.begin(), route.paths.end(), dead)) best = std::move(route);
  }
  return best;
}

}  // namespace twinpath::netlink
