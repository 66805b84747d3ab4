#include "control/follow/follower.hpp"

#include "common/decide/martian.h"
#include "flows/next_hop_use.hpp"

namespace twinpath {
namespace {

constexpr std::chrono::milliseconds kRoutesEvery{100};
constexpr std::chrono::milliseconds kRoutesRetry{900};  // more, after a publication that failed
constexpr std::chrono::seconds kUpkeepEvery{5};  // longer than the engine waits before it repeats a neighbour request

bool serves_as_next_hop(const netlink::IpAddress& address) {
  return !dp_address_multicast(address.family, &address.address) &&
         !dp_address_broadcast(address.family, &address.address) && !dp_address_unspecified(&address.address);
}

RouteTables::Memory memory_of(TableMemory& memory) {
  const std::span<dp_fib_line> lines = memory.fib.values();
  return {{reinterpret_cast<std::uint32_t*>(lines.data()), lines.size() * DP_FIB_LINE_WORDS},
          memory.routes.values(),
          memory.paths.values()};
}

}  // namespace

Result<std::unique_ptr<Follower>> Follower::open(const Parts& parts, Say complain, Say note) {
  auto mirror = netlink::Mirror::open();
  if (!mirror) return pass_on(std::move(mirror.error()));
  auto resolver = netlink::Resolver::open();
  if (!resolver) return pass_on(std::move(resolver.error()));
  std::unique_ptr<Follower> follower(
      new Follower(parts, std::move(*mirror), std::move(*resolver), std::move(complain), std::move(note)));
  auto features = netlink::XdpFeatureWatch::open();
  if (!features && features.error().code != EOPNOTSUPP) return pass_on(std::move(features.error()));
  if (features) {
    follower->features_.emplace(std::move(*features));
    follower->feature_events_.emplace(parts.io, follower->features_->fd());
  }
  return follower;
}

Follower::Follower(const Parts& parts, netlink::Mirror mirror, netlink::Resolver resolver, Say complain, Say note)
    : parts_(parts),
      routes_(memory_of(parts.tables.memory())),
      mirror_(std::move(mirror)),
      resolver_(std::move(resolver)),
      complain_(std::move(complain)),
      note_(std::move(note)),
      mirror_events_(parts.io, mirror_.fd()),
      resolver_events_(parts.io, resolver_.fd()),
      request_events_(parts.io, parts.requests.fd()),
      routes_timer_(parts.io),
      upkeep_timer_(parts.io) {}

Follower::~Follower() { stop(); }

// The descriptors are borrowed: the mirror, the resolver and the request queue close them.
void Follower::stop() {
  routes_timer_.cancel();
  upkeep_timer_.cancel();
  for (Descriptor* descriptor : {&mirror_events_, &resolver_events_, &request_events_}) {
    if (descriptor->is_open()) descriptor->release();
  }
  if (feature_events_ && feature_events_->is_open()) feature_events_->release();
}

void Follower::settle() {
  on_mirror();
  if (!routes_pending_) return;
  routes_timer_.cancel();
  publish_routes();
}

void Follower::watch() {
  wait_for(mirror_events_, &Follower::on_mirror);
  wait_for(resolver_events_, &Follower::on_resolver);
  wait_for(request_events_, &Follower::on_requests);
  if (feature_events_) wait_for(*feature_events_, &Follower::on_features);
  schedule_upkeep();
}

void Follower::wait_for(Descriptor& descriptor, void (Follower::*handler)()) {
  descriptor.async_wait(Descriptor::wait_read, [this, &descriptor, handler](const boost::system::error_code& error) {
    if (error) return;
    (this->*handler)();
    wait_for(descriptor, handler);
  });
}

RouteContext Follower::route_context() {
  return {[this](std::uint32_t ifindex) { return parts_.ports.number_of(ifindex); },
          [this](std::uint16_t port, const netlink::IpAddress& gateway, std::uint16_t mtu) {
            return gateway_hop({port, gateway, mtu});
          },
          [this](const netlink::Route& route, const netlink::Path& path) { return source_of(route, path); }};
}

// Only what differs from the port's own choice has a number.
std::uint16_t Follower::source_of(const netlink::Route& route, const netlink::Path& path) {
  if (route.source.family != DP_FAMILY_NONE) return sources_.number_of(route.source, parts_.engine);
  const std::uint8_t family = route.prefix.base.family;
  const dp_address any{};
  const auto usual = source_by(family, path.ifindex, {}, any);
  const auto here = source_by(family, path.ifindex, path.gateway, route.prefix.base.address);
  if (!here || (usual && dp_address_equal(&*here, &*usual) != 0)) return 0;
  return sources_.number_of({family, *here}, parts_.engine);
}

std::optional<dp_address> Follower::source_by(std::uint8_t family, std::uint32_t device,
                                              const netlink::IpAddress& gateway, const dp_address& destination) const {
  return family == DP_FAMILY_V4 ? select_source4(mirror_, device, gateway)
                                : select_source6(mirror_, device, destination);
}

std::vector<Follower::RouteDevice> Follower::route_devices() const {
  std::vector<RouteDevice> devices;
  for (const auto& [ifindex, link] : mirror_.links()) {
    const std::uint16_t port = parts_.ports.number_of(ifindex);
    if (port != 0 || link.vrf_table != 0)
      devices.push_back({ifindex, link.name, port, link.master_ifindex, link.vrf_table});
  }
  return devices;
}

Result<RouteRules> Follower::plan_all() {
  planned_devices_ = route_devices();
  changed_routes_.clear();
  plan_all_pending_ = false;
  routes_.rebuild(mirror_, route_context());
  if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
  return routes_.commit();
}

Status Follower::publish_first(const TableImage& image) {
  auto rules = plan_all();
  tell_route_problems();
  if (!rules) return pass_on(std::move(rules.error()));
  return parts_.publisher.publish_first(image, *rules);
}

Status Follower::publish(const TableImage& image) {
  auto rules = plan_all();
  if (!rules) return pass_on(std::move(rules.error()));
  return finish_routes(parts_.publisher.publish(image, *rules));
}

// What only older rules lead to is free when nobody reads them any more.
Status Follower::finish_routes(Status published) {
  if (published) published = parts_.publisher.wait_for_readers();
  if (published) routes_.recycle();
  plan_all_pending_ |= !published;  // what was planned may be for ports that a refused reload takes back
  return published;
}

std::uint16_t Follower::gateway_hop(const NextHopTable::Key& key) {
  const bool known = parts_.hops.find(key) != 0;
  auto index = parts_.hops.obtain(key, NextHopTable::For::route);
  if (!index) return 0;  // the route is incomplete: problems() says so
  if (!known) {
    use_.used(*index);
    parts_.hops.set_neighbour(*index, mirror_.find_neighbour({parts_.ports.ifindex_of(key.port), key.address}));
    keep_fresh(key);
  }
  return *index;
}

void Follower::keep_fresh(const NextHopTable::Key& key) {
  const netlink::NeighbourKey neighbour{parts_.ports.ifindex_of(key.port), key.address};
  if (neighbour.ifindex != 0 && netlink::wants_resolving(mirror_.find_neighbour(neighbour)))
    resolver_.manage(neighbour);
}

void Follower::take_over_links() {
  std::map<std::uint16_t, bool> before;
  for (const Port& port : parts_.ports.ports()) before[port.number] = port.device.link.up();
  parts_.ports.follow(mirror_, parts_.tables, parts_.hops);
  for (const Port& port : parts_.ports.ports())
    if (const bool up = port.device.link.up(); up != before[port.number])
      note_(fmt::format("port {}: link of {} is {}", port.config.name, port.config.device, up ? "up" : "down"));
  tell_addresses();
}

void Follower::complain_bounded(LineLimit& limit, std::string line) {
  if (const auto admitted = limit.admit(std::chrono::steady_clock::now(), std::move(line))) complain_(*admitted);
}

void Follower::take_over_neighbours() {
  for (const auto& [key, index] : parts_.hops.all()) {
    parts_.hops.set_neighbour(index, mirror_.find_neighbour({parts_.ports.ifindex_of(key.port), key.address}));
    if (use_.in_use(index)) keep_fresh(key);
  }
  obtain_next_hops();
}

void Follower::obtain_next_hops() {
  for (const auto& [key, neighbour] : mirror_.neighbours()) apply_neighbour(key);
  if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
}

void Follower::forget_port(const Port& port) {
  parts_.hops.set_port(port.number, {});
  for (const auto& [key, index] : parts_.hops.all()) {
    if (key.port != port.number) continue;
    parts_.hops.set_neighbour(index, nullptr);
    use_.answered(key.port, index);  // nobody waits for it any more
  }
}

void Follower::on_mirror() {
  auto changes = mirror_.process();
  if (!changes) return complain_(changes.error().text);
  apply(*changes);
}

void Follower::take_over_devices() {
  netlink::Changes changes;
  changes.links = true;
  apply(changes);
}

void Follower::apply(const netlink::Changes& changes) {
  if (changes.links) on_links_(changes.gone_links);
  if (changes.links || changes.addresses) take_over_links();
  if (changes.links) take_over_neighbours();  // a device that came up again has lost its managed neighbours
  for (const netlink::NeighbourKey& key : changes.neighbours) apply_neighbour(key);
  if (!changes.neighbours.empty() || changes.links) {
    if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
    parts_.engine.post(command::neighbours_changed());
  }
  plan_all_pending_ |= changes.rules || (changes.links && route_devices() != planned_devices_);
  changed_routes_.insert(changes.routes.begin(), changes.routes.end());
  if (!changed_routes_.empty() || plan_all_pending_) schedule_routes();
}

void Follower::apply_neighbour(const netlink::NeighbourKey& key) {
  const std::uint16_t port = parts_.ports.number_of(key.ifindex);
  if (port == 0 || !serves_as_next_hop(key.address)) return;
  const netlink::Neighbour* neighbour = mirror_.find_neighbour(key);
  const NextHopTable::Key hop{port, key.address};
  bool known = false;
  parts_.hops.for_each_of(port, key.address, [&](const NextHopTable::Key&, std::uint16_t index) {
    parts_.hops.set_neighbour(index, neighbour);
    known = true;
  });
  if (!known) {
    if (neighbour == nullptr || !neighbour->usable()) return;
    auto obtained = parts_.hops.obtain(hop);
    if (!obtained) return;  // NextHopTable::problems() says so
    use_.used(*obtained);
    parts_.hops.set_neighbour(*obtained, neighbour);
  }
  if (neighbour == nullptr || !neighbour->usable()) return;
  parts_.hops.for_each_of(port, key.address,
                          [&](const NextHopTable::Key&, std::uint16_t index) { use_.answered(port, index); });
  if (!neighbour->managed && in_use(hop)) keep_fresh(hop);
}

void Follower::on_resolver() {
  auto refusals = resolver_.process();
  if (!refusals) return complain_(refusals.error().text);
  for (const netlink::NeighbourRefusal& refusal : *refusals) {
    if (refusal.code != ENODEV && refusal.code != ENETDOWN)
      complain_bounded(refusal_lines_,
                       fmt::format("Linux does not resolve {}: {}", netlink::to_string(refusal.key.address),
                                   std::strerror(refusal.code)));
  }
}

void Follower::on_requests() {
  for (const AwaitedNeighbour& awaited : parts_.requests.take()) {
    NextHopTable::Key key{awaited.port, {awaited.family, awaited.address}, awaited.mtu};
    if (awaited.next_hop != 0) {
      const NextHopTable::Key* known = parts_.hops.key_of(awaited.next_hop);
      if (known == nullptr) continue;
      key = *known;
    }
    make_room_for_request(key.port);
    if (!use_.may_ask(key.port, parts_.hops.find(key))) continue;  // the engine repeats the request
    auto index = parts_.hops.obtain(key);
    if (!index) continue;  // NextHopTable::problems() says so
    use_.used(*index);
    if (!parts_.hops.resolved(*index)) use_.asked(key.port, *index);
    parts_.hops.set_neighbour(*index, mirror_.find_neighbour({parts_.ports.ifindex_of(key.port), key.address}));
    parts_.hops.forget_failure(*index);
    keep_fresh(key);
  }
  if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
  parts_.engine.post(command::neighbours_changed());
}

void Follower::on_features() {
  auto news = features_->process();
  if (!news) return complain_(news.error().text);
  for (const netlink::XdpFeatures& device : *news)
    parts_.ports.set_redirects(device.ifindex, device.takes_redirects(), parts_.hops, parts_.engine);
}

void Follower::schedule_routes() {
  if (routes_pending_) return;
  routes_pending_ = true;
  routes_timer_.expires_at(std::max(std::chrono::steady_clock::now(), routes_published_ + kRoutesEvery));
  routes_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) publish_routes();
  });
}

void Follower::publish_routes() {
  routes_pending_ = false;
  routes_published_ = std::chrono::steady_clock::now();
  if (!plan_all_pending_) routes_.update(mirror_, route_context(), std::exchange(changed_routes_, {}));
  auto rules = plan_all_pending_ ? plan_all() : routes_.commit();
  if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
  Status published = rules ? finish_routes(parts_.publisher.publish_routes(*rules)) : Status(pass_on(rules.error()));
  tell_route_problems();
  if (published) return;
  complain_(published.error().text);
  routes_published_ += kRoutesRetry;
  schedule_routes();
}

std::vector<std::string> Follower::problems() const {
  std::vector<std::string> lines = routes_.problems();
  for (std::string& line : parts_.hops.problems()) lines.push_back(std::move(line));
  for (const Port& port : parts_.ports.ports())
    if (use_.crowded(port.number))
      lines.push_back(
          fmt::format("port {}: {} neighbours that were asked for do not answer, and no more are asked for "
                      "until one does: does somebody scan the network behind it?",
                      port.config.name, NeighbourUse::kAskedAtOnce));
  return lines;
}

// Each line once, when it becomes true.
void Follower::tell_route_problems() {
  std::vector<std::string> lines = problems();
  for (const std::string& line : lines)
    if (std::ranges::find(route_problems_, line) == route_problems_.end()) complain_("routing: " + line);
  route_problems_ = std::move(lines);
}

void Follower::schedule_upkeep() {
  upkeep_timer_.expires_after(kUpkeepEvery);
  upkeep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    give_neighbours_back();
    reclaim_next_hops();
    tell_route_problems();
    parts_.hops.end_period();
    if (routes_.incomplete()) schedule_routes();
    schedule_upkeep();
  });
}

// A next hop that nobody uses stays while Linux knows its neighbour; then a first packet need not wait.
void Follower::give_neighbours_back() {
  std::vector<bool> used(DP_NEXT_HOPS_MAX);
  for (const std::uint8_t family : kFlowFamilies) mark_next_hops(parts_.flows.view(family), used);
  for (const std::uint16_t index : routes_.next_hops()) used[index] = true;
  std::vector<std::uint16_t> dead;
  for (const auto& [key, index] : parts_.hops.all()) {
    const netlink::NeighbourKey neighbour{parts_.ports.ifindex_of(key.port), key.address};
    const netlink::Neighbour* known = mirror_.find_neighbour(neighbour);
    if (used[index]) {
      use_.used(index);
      if (known != nullptr && known->usable() && !known->managed) keep_fresh(key);
    } else if (!parts_.hops.resolved(index) && use_.idle_for(index, NeighbourUse::kUnanswered)) {
      dead.push_back(index);
    } else if (known != nullptr && known->managed && !in_use(key) && !of_others_.contains(neighbour)) {
      resolver_.release(neighbour);
    }
  }
  for (const std::uint16_t index : dead) forget_unanswered(index);
  if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
}

void Follower::leave_to_others(const netlink::FoundNeighbours& found) {
  for (const auto& [address, managed] : found.managed)
    if (managed) of_others_.insert({found.ifindex, address});
}

bool Follower::in_use(const NextHopTable::Key& key, std::uint16_t except) const {
  bool used = false;
  parts_.hops.for_each_of(key.port, key.address, [&](const NextHopTable::Key&, std::uint16_t index) {
    used = used || (index != except && use_.in_use(index));
  });
  return used;
}

// Nobody uses it, and it does not answer.
void Follower::forget_unanswered(std::uint16_t index) {
  const NextHopTable::Key key = *parts_.hops.key_of(index);
  const netlink::NeighbourKey neighbour{parts_.ports.ifindex_of(key.port), key.address};
  const netlink::Neighbour* known = mirror_.find_neighbour(neighbour);
  if (known != nullptr && known->managed && !in_use(key, index) && !of_others_.contains(neighbour))
    resolver_.remove(neighbour);
  use_.answered(key.port, index);
  if (auto retired = parts_.hops.retire(index); !retired) complain_(retired.error().text);
}

// Only so many neighbours of a port may be asked for at a time: those of a scan would fill Linux's table. One that has
// failed makes room for the next.
void Follower::make_room_for_request(std::uint16_t port) {
  if (!use_.crowded(port)) return;
  for (const std::uint16_t index : use_.waiting(port)) {
    const NextHopTable::Key* key = parts_.hops.key_of(index);
    const netlink::NeighbourKey neighbour{parts_.ports.ifindex_of(port), key != nullptr ? key->address : IpAddress{}};
    const netlink::Neighbour* known = mirror_.find_neighbour(neighbour);
    if (known == nullptr || known->state != netlink::NeighbourState::failed) continue;
    if (known->managed && !of_others_.contains(neighbour)) resolver_.remove(neighbour);
    return use_.answered(port, index);
  }
}

// The four steps of next_hop_table.hpp.
void Follower::reclaim_next_hops() {
  if (!parts_.hops.crowded() && !parts_.hops.has_retired()) return;
  if (parts_.hops.crowded()) {
    for (const NextHopTable::Key& key : parts_.hops.retire_unwanted(routes_.next_hops()))
      if (!parts_.hops.has(key.port, key.address)) resolver_.release({parts_.ports.ifindex_of(key.port), key.address});
    if (auto sent = resolver_.flush(); !sent) complain_(sent.error().text);
  }
  if (!parts_.hops.has_retired()) return;
  auto rules = routes_.commit();
  if (!rules) return complain_(rules.error().text);
  if (auto published = finish_routes(parts_.publisher.publish_routes(*rules)); !published)
    return complain_(published.error().text);
  parts_.hops.release_retired();
}

// What the gateway sends ICMP errors from, by each port and by routes that have another address than their port.
void Follower::tell_addresses() {
  const dp_address any{};
  for (const Port& port : parts_.ports.ports()) {
    const std::uint32_t device = parts_.ports.ifindex_of(port.number);
    parts_.engine.post(command::set_addresses(
        port.number, {source_by(DP_FAMILY_V4, device, {}, any), source_by(DP_FAMILY_V6, device, {}, any)}));
  }
  sources_.follow(mirror_, parts_.engine);
}

}  // namespace twinpath
