// follower.hpp - keeps the tables in step with Linux: links, addresses, routes, neighbours.
//
// Routes       Changes are published at most ten times a second, so that a busy routing daemon costs a live flow at
//              most ten route lookups a second.
// Neighbours   A change of a neighbour is one write to its next hop. Linux keeps the entries of next hops in use fresh
//              (managed neighbours): packets that XDP forwards do not refresh them, so they would become stale. In use is
//              a next hop that a flow or a route names, or that was asked for or learnt a short time ago; the others are
//              given back to Linux, and those that do not answer are deleted there (neighbour_use.hpp). When most next hops
//              are taken, those of neighbours that are not wanted are reclaimed (next_hop_table.hpp).
// Thread       the io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "base/line_limit.hpp"
#include "control/follow/neighbour_request_queue.hpp"
#include "control/follow/neighbour_use.hpp"
#include "control/follow/next_hop_table.hpp"
#include "control/follow/source_address.hpp"
#include "control/follow/source_numbers.hpp"
#include "control/ports/port_set.hpp"
#include "control/publish/publisher.hpp"
#include "engine/engine.hpp"
#include "flows/flow_tables.hpp"
#include "netlink/found_neighbours.hpp"
#include "netlink/mirror.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/xdp_features.hpp"

namespace twinpath {

// Lines of one kind in each window: the first say what is the matter, the others only how much.
inline constexpr std::uint32_t kFollowerLines = 5;
inline constexpr std::chrono::seconds kFollowerWindow{60};

class Follower {
 public:
  struct Parts {
    boost::asio::io_context& io;
    Tables& tables;
    PortSet& ports;
    NextHopTable& hops;
    Publisher& publisher;
    Engine& engine;
    NeighbourRequestQueue& requests;
    const FlowTables& flows;
  };

  using Say = std::function<void(const std::string&)>;

  // Opens its sockets in the network namespace of the calling thread. `complain` gets one line for each later error; those
  // that packets and neighbours can cause any number of are bounded (base/line_limit.hpp). `note`: for each link that
  // goes up or down.
  [[nodiscard]] static Result<std::unique_ptr<Follower>> open(const Parts& parts, Say complain, Say note);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Puts a policy in force together with all routes that Linux has now, planned for the ports there are now. An error
  // leaves the tables in force as they were.
  [[nodiscard]] Status publish_first(const TableImage& image);
  [[nodiscard]] Status publish(const TableImage& image);
  // Writes the state of all links and their addresses, and of all neighbours, to the tables and the engine.
  void take_over_links();
  void take_over_neighbours();
  // For a reload: processes what Linux has announced by now.
  void catch_up() { on_mirror(); }
  // For added ports: next hops for the neighbours that Linux has.
  void obtain_next_hops();
  // For a removed port: its next hops are no longer resolved.
  // Managed neighbours are put back by the caller (netlink/found_neighbours.hpp).
  void forget_port(const Port& port);
  // `follow` is called when Linux's links have changed, before the tables take them over, with the numbers of those that
  // are gone.
  void on_links(std::function<void(const std::set<std::uint32_t>& gone)> follow) { on_links_ = std::move(follow); }
  // Neighbours that somebody else had managed before the gateway came are never given back or deleted.
  void leave_to_others(const netlink::FoundNeighbours& found);
  // Ports have other devices now.
  void take_over_devices();
  // Publishes what Linux has announced by now, as the routes that opening the ports has changed: a publication waits for
  // all readers, and a packet whose neighbour is asked for meanwhile would wait, too.
  void settle();
  // Follows changes from now on.
  void watch();
  void stop();

  [[nodiscard]] const netlink::Mirror& mirror() const { return mirror_; }
  [[nodiscard]] const RouteTables& routes() const { return routes_; }
  // Neighbours that Linux has refused to resolve since the start.
  [[nodiscard]] std::uint64_t neighbours_refused() const { return refusal_lines_.seen(); }
  // What of Linux's routing is not followed, and why: a line each.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;

  Follower(const Parts& parts, netlink::Mirror mirror, netlink::Resolver resolver, Say complain, Say note);

  void wait_for(Descriptor& descriptor, void (Follower::*handler)());
  void on_mirror();
  void on_resolver();
  void on_requests();
  void on_features();
  void complain_bounded(LineLimit& limit, std::string line);
  void apply(const netlink::Changes& changes);
  void apply_neighbour(const netlink::NeighbourKey& key);
  void schedule_routes();
  // What of the links the plan of the routes depends on.
  struct RouteDevice {
    std::uint32_t ifindex = 0;
    std::string name;
    std::uint16_t port = 0;
    std::uint32_t master = 0;
    std::uint32_t vrf_table = 0;
    bool operator==(const RouteDevice&) const = default;
  };

  void publish_routes();
  [[nodiscard]] std::vector<RouteDevice> route_devices() const;
  void tell_route_problems();
  [[nodiscard]] Result<RouteRules> plan_all();
  [[nodiscard]] RouteContext route_context();
  [[nodiscard]] Status finish_routes(Status published);
  void tell_addresses();
  void keep_fresh(const NextHopTable::Key& key);
  void schedule_upkeep();
  void give_neighbours_back();
  // Whether a next hop of any MTU leads to the neighbour and is in use, `except` apart.
  [[nodiscard]] bool in_use(const NextHopTable::Key& key, std::uint16_t except = 0) const;
  void forget_unanswered(std::uint16_t index);
  void make_room_for_request(std::uint16_t port);
  void reclaim_next_hops();
  std::uint16_t gateway_hop(const NextHopTable::Key& key);
  [[nodiscard]] std::uint16_t source_of(const netlink::Route& route, const netlink::Path& path);
  [[nodiscard]] std::optional<dp_address> source_by(std::uint8_t family, std::uint32_t device,
                                                    const netlink::IpAddress& gateway,
                                                    const dp_address& destination) const;

  Parts parts_;
  RouteTables routes_;
  SourceNumbers sources_;
  netlink::Mirror mirror_;
  netlink::Resolver resolver_;
  NeighbourUse use_;
  std::set<netlink::NeighbourKey> of_others_;
  std::optional<netlink::XdpFeatureWatch> features_;
  Say complain_;
  Say note_;
  LineLimit refusal_lines_{kFollowerLines, kFollowerWindow};
  std::function<void(const std::set<std::uint32_t>&)> on_links_ = [](const auto&) {};
  Descriptor mirror_events_;
  Descriptor resolver_events_;
  Descriptor request_events_;
  std::optional<Descriptor> feature_events_;
  boost::asio::steady_timer routes_timer_;
  boost::asio::steady_timer upkeep_timer_;
  std::chrono::steady_clock::time_point routes_published_{};
  bool routes_pending_ = false;
  bool plan_all_pending_ = false;             // rules, or the ports of devices, changed
  std::vector<RouteDevice> planned_devices_;  // when everything was planned
  std::vector<std::string> route_problems_;   // that were told
  netlink::RouteStore::Keys changed_routes_;  // since routes were published
};

}  // namespace twinpath
