// mirror.hpp - what Linux knows about links, addresses, rules, routes and neighbours, kept current.
//
// Use        open(), then whenever fd() is readable: process(), then read. Level triggered: process() may leave some
//            announcements for the next call, and fd() stays readable then.
// Namespace  the one of the thread that calls open(), for ever.
// Thread     one at a time. process() blocks only for what Linux changes without announcing it: after a device went
//            up or down, an address went away, or the socket overflowed, it dumps what is concerned.
// Privilege  none.
// Errors     what could be applied is; the next process() tries the rest again and reports both.
//
// Beyond what is announced (found by comparing with `ip route` after random changes, tests/e2e/netlink_test.cpp):
// IPv4 routes that go with a device or a preferred source address, IPv6 routes taken by a replacement, the flags of
// paths, and routes taken by the removal of a nexthop object.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "netlink/dumper.hpp"
#include "netlink/route_store.hpp"
#include "netlink/socket.hpp"
#include "netlink/state.hpp"

namespace twinpath::netlink {

struct Changes {
  bool links = false;
  std::set<std::uint32_t> gone_links;  // removed; a device that is there again may have the same number
  bool addresses = false;
  bool rules = false;                    // of policy routing
  RouteStore::Keys routes;               // whose list changed, or a nexthop object that it uses
  std::vector<NeighbourKey> neighbours;  // new, changed or gone; sorted, each once
  bool resynced = false;                 // announcements were lost and everything was dumped again

  [[nodiscard]] bool any() const { return links || addresses || rules || !routes.empty() || !neighbours.empty(); }
};

struct MirrorOptions {
  // A full routing table arrives in one burst: 16 MiB hold about 20000 announcements (the kernel counts buffers, not
  // bytes). Beyond net.core.rmem_max only with CAP_NET_ADMIN; an overflow is repaired all the same.
  int receive_buffer_bytes = 16 << 20;
};

class Mirror {
 public:
  struct AddressKey {
    std::uint32_t ifindex = 0;
    IpAddress address;
    IpAddress peer;
    std::uint8_t prefix_bits = 0;
    auto operator<=>(const AddressKey&) const = default;
  };
  using Links = std::map<std::uint32_t, Link>;  // by ifindex
  using Addresses = std::map<AddressKey, Address>;
  using Neighbours = std::map<NeighbourKey, Neighbour>;

  [[nodiscard]] static Result<Mirror> open(const MirrorOptions& options = {});

  [[nodiscard]] int fd() const { return notifications_.fd(); }
  [[nodiscard]] Result<Changes> process();
  // Dumps everything again, whatever was announced.
  [[nodiscard]] Result<Changes> resync();

  [[nodiscard]] const Links& links() const { return state_.links; }
  [[nodiscard]] const Link* find_link(const std::string& name) const;
  [[nodiscard]] const Addresses& addresses() const { return state_.addresses; }
  // In the order in which Linux asks them, family by family.
  [[nodiscard]] const std::vector<RouteRule>& rules() const { return state_.rules; }
  [[nodiscard]] const Neighbours& neighbours() const { return state_.neighbours; }
  [[nodiscard]] const Neighbour* find_neighbour(const NeighbourKey& key) const;

  // Visits every route as visit(const Route&), by table and prefix, best first; paths of nexthop objects filled in.
  template <class Visit>
  void for_each_route(Visit&& visit) const {
    for (const auto& [key, list] : state_.routes.lists())
      for (const Route& route : list) visit(static_cast<const Route&>(route.nexthop_id == 0 ? route : resolved(route)));
  }
  // Visits the one that packets use of each table and prefix: lowest metric, of equals the highest preference, then the first; tos 0, some path alive.
  template <class Visit>
  void for_each_best_route(Visit&& visit) const {
    for (const auto& [key, list] : state_.routes.lists())
      if (auto best = best_of(list)) visit(static_cast<const Route&>(*best));
  }
  // The one that packets use of this list; nothing when there is none.
  [[nodiscard]] std::optional<Route> best_route(const RouteStore::Key& key) const;
  [[nodiscard]] const std::map<RouteStore::Key, RouteStore::List>& route_lists() const { return state_.routes.lists(); }
  [[nodiscard]] std::size_t route_count() const { return state_.routes.size(); }

 private:
  struct State {
    Links links;
    Addresses addresses;
    std::int64_t first_address = 0;  // orders that are taken: first_address .. last_address - 1
    std::int64_t last_address = 0;
    std::map<std::uint32_t, Nexthop> nexthops;
    std::vector<RouteRule> rules;
    RouteStore routes;
    Neighbours neighbours;
  };

  Mirror(Socket notifications, Dumper dumper) : notifications_(std::move(notifications)), dumper_(std::move(dumper)) {}

  void apply(const nlmsghdr& message, Changes& changes);
  void apply_link(const nlmsghdr& message, Changes& changes);
  void apply_address(const nlmsghdr& message, Changes& changes);
  void apply_route(const nlmsghdr& message, Changes& changes);
  void apply_nexthop(const nlmsghdr& message, Changes& changes);
  void apply_neighbour(const nlmsghdr& message, Changes& changes);
  void mark_routes_of_nexthop(std::uint32_t id, RouteStore::Keys& changed) const;
  void mark_routes_from(const IpAddress& source);

  [[nodiscard]] Result<State> load();
  [[nodiscard]] Status refresh_rules(Changes& changes);
  [[nodiscard]] Status refresh_routes(Changes& changes);
  [[nodiscard]] Status refresh_all_routes(Changes& changes);
  [[nodiscard]] Status refresh_routes_over(std::uint32_t ifindex, Changes& changes);
  [[nodiscard]] Status refresh_nexthops(Changes& changes);
  void discard_announcements();
  [[nodiscard]] Changes take_changes();
  [[nodiscard]] bool leads_over(const Route& route, std::uint32_t ifindex) const;
  [[nodiscard]] Route resolved(const Route& route) const;
  [[nodiscard]] std::optional<Route> best_of(const RouteStore::List& list) const;

  Socket notifications_;
  Dumper dumper_;
  State state_;
  std::set<std::uint32_t> stale_devices_;  // their routes may have changed unannounced
  bool rules_stale_ = false;               // a rule was announced
  bool doubtful_ = false;                  // so may any route
  bool lost_ = false;                      // announcements were lost
  Changes pending_;                        // made, not yet handed out: survives a process() that fails
};

}  // namespace twinpath::netlink
