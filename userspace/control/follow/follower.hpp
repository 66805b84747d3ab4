// follower.hpp - keeps the tables in step with Linux: links, addresses, routes, neighbours.
//
// Routes       a change is published at most ten times a second, so that a routing daemon at work costs live flows one
//              look at the route every tenth of a second and no more.
// Neighbours   a change is one write to a next hop. Whoever has a next hop is kept fresh by Linux (managed neighbours):
//              traffic over XDP does not refresh Linux's entries, so they would go stale under it.
//              When most next hops are taken, those of neighbours that nobody needs are given back.
// Thread       the io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "control/follow/neighbour_request_queue.hpp"
#include "control/follow/next_hop_table.hpp"
#include "control/ports/port_set.hpp"
#include "control/publish/publisher.hpp"
#include "engine/engine.hpp"
#include "netlink/mirror.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/xdp_features.hpp"

namespace twinpath {

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
  };

  // Opens everything in the namespace of the calling thread. `complain` gets one line for what goes wrong later.
  [[nodiscard]] static Result<std::unique_ptr<Follower>> open(const Parts& parts,
                                                              std::function<void(const std::string&)> complain);

  // The whole state as of now, for the first publication; then watch().
  [[nodiscard]] RoutePlan plan();
  void take_over_links();
  void take_over_neighbours();
  // For a reload. Takes in what Linux has announced by now; gives next hops to the neighbours of ports that have come;
  // takes those of a port that has gone out of use, and leaves its neighbours to Linux's ordinary ageing.
  void catch_up() { on_mirror(); }
  void obtain_next_hops();
  void forget_port(const Port& port);
  void watch();
  void stop();

  [[nodiscard]] const netlink::Mirror& mirror() const { return mirror_; }

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;

  Follower(const Parts& parts, netlink::Mirror mirror, netlink::Resolver resolver,
           std::function<void(const std::string&)> complain);

  void wait_for(Descriptor& descriptor, void (Follower::*handler)());
  void on_mirror();
  void on_resolver();
  void on_desk();
  void on_features();
  void apply(const netlink::Changes& changes);
  void apply_neighbour(const netlink::NeighbourKey& key);
  void schedule_routes();
  void publish_routes();
  void tell_addresses();
  [[nodiscard]] std::uint32_t ifindex_of(std::uint16_t port) const;
  void keep_fresh(const NextHopTable::Key& key);
  void schedule_upkeep();
  void give_back_next_hops();
  std::uint16_t gateway_hop(std::uint16_t port, const netlink::IpAddress& gateway);

  Parts parts_;
  netlink::Mirror mirror_;
  netlink::Resolver resolver_;
  std::optional<netlink::XdpFeatureWatch> features_;
  std::function<void(const std::string&)> complain_;
  Descriptor mirror_events_;
  Descriptor resolver_events_;
  Descriptor desk_events_;
  std::optional<Descriptor> feature_events_;
  boost::asio::steady_timer routes_timer_;
  boost::asio::steady_timer upkeep_timer_;
  std::chrono::steady_clock::time_point routes_published_{};
  bool routes_pending_ = false;
};

}  // namespace twinpath
