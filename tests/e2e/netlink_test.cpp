// The mirror against Linux itself, in namespaces of the test's own.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>

#include "harness/ip_view.hpp"
#include "harness/namespace.hpp"
#include "harness/random_routing.hpp"
#include "netlink/mirror.hpp"

using namespace twinpath;
using namespace twinpath::netlink;
using namespace twinpath::test;
using namespace std::chrono_literals;

namespace {

// A gateway with three veths to a neighbour namespace, and its mirror.
struct Gateway {
  TestNamespace space{"netlink-gw"};
  TestNamespace far{"netlink-far"};
  std::optional<Mirror> mirror;

  explicit Gateway(const MirrorOptions& options = {}) {
    for (int i = 0; i < 3; ++i) {
      std::string n = std::to_string(i);
      space.veth("v" + n, far, "p" + n);
      space.run("ip addr add 192.0.2." + std::to_string(16 * i + 1) + "/28 dev v" + n +
                "; ip -6 addr add 2001:db8:" + n + "::1/64 dev v" + n + " nodad");
    }
    space.inside([&] {
      auto opened = Mirror::open(options);
      REQUIRE_MESSAGE(opened, opened.error().text);
      mirror.emplace(std::move(*opened));
    });
  }

  Changes process() {
    auto changes = mirror->process();
    REQUIRE_MESSAGE(changes, changes.error().text);
    return *changes;
  }

  // Empty when the mirror agrees with Linux within three seconds: neighbours change by themselves.
  std::string disagreement() {
    std::string found;
    for (auto end = std::chrono::steady_clock::now() + 3s; std::chrono::steady_clock::now() < end;) {
      View linux_view = view_of(space);
      process();
      found = difference(view_of(*mirror), linux_view);
      if (found.empty()) return found;
      std::this_thread::sleep_for(50ms);
    }
    return found;
  }

  // The routes to `prefix` in table main, best first.
  std::vector<Route> routes(const std::string& base, int bits) {
    std::vector<Route> found;
    Prefix prefix{parse_address(base), static_cast<std::uint8_t>(bits)};
    mirror->for_each_route([&](const Route& route) {
      if (route.prefix == prefix && route.table == 254) found.push_back(route);
    });
    return found;
  }

  std::optional<Route> best(const std::string& base, int bits) {
    std::optional<Route> found;
    Prefix prefix{parse_address(base), static_cast<std::uint8_t>(bits)};
    mirror->for_each_best_route([&](const Route& route) {
      if (route.prefix == prefix && route.table == 254) found = route;
    });
    return found;
  }
};

}  // namespace

TEST_CASE("a fresh mirror equals what ip shows") {
  if (!require_root()) return;
  Gateway gateway;
  CHECK(gateway.disagreement() == "");
  const Link* link = gateway.mirror->find_link("v1");
  REQUIRE(link != nullptr);
  CHECK(link->kind == "veth");
  CHECK(link->up());
  CHECK(link->peer_ifindex != 0);
  CHECK(link->peer_netnsid >= 0);
}

TEST_CASE("each kind of route arrives as it is, and goes again") {
  if (!require_root()) return;
  struct {
    const char* route;
    const char* base;
    int bits;
    RouteKind kind;
    std::size_t paths;
  } cases[] = {
      {"10.1.0.0/16 via 192.0.2.2", "10.1.0.0", 16, RouteKind::unicast, 1},
      {"10.2.0.0/16 dev v0 scope link", "10.2.0.0", 16, RouteKind::unicast, 1},
      {"10.3.0.0/16 nexthop via 192.0.2.2 weight 3 nexthop via 192.0.2.18 weight 5", "10.3.0.0", 16, RouteKind::unicast,
       2},
      {"blackhole 10.4.0.0/16", "10.4.0.0", 16, RouteKind::blackhole, 0},
      {"unreachable 10.5.0.0/16", "10.5.0.0", 16, RouteKind::unreachable, 0},
      {"prohibit 10.6.0.0/16", "10.6.0.0", 16, RouteKind::prohibit, 0},
      {"10.7.0.0/16 via 203.0.113.9 dev v1 onlink", "10.7.0.0", 16, RouteKind::unicast, 1},
      {"10.8.0.0/16 via inet6 2001:db8:0::2", "10.8.0.0", 16, RouteKind::unicast, 1},
      {"2001:db8:100::/48 via 2001:db8:0::2", "2001:db8:100::", 48, RouteKind::unicast, 1},
      {"2001:db8:200::/48 nexthop via 2001:db8:0::2 nexthop via 2001:db8:1::2 weight 7", "2001:db8:200::", 48,
       RouteKind::unicast, 2},
      {"blackhole 2001:db8:300::/48", "2001:db8:300::", 48, RouteKind::blackhole, 0},
      {"default via 192.0.2.2 mtu 1300 src 192.0.2.17", "0.0.0.0", 0, RouteKind::unicast, 1},
  };
  Gateway gateway;
  for (const auto& c : cases) {
    CAPTURE(c.route);
    std::string family = std::string{c.base}.find(':') == std::string::npos ? "ip -4" : "ip -6";
    gateway.space.run(family + " route add " + c.route);
    CHECK_FALSE(gateway.process().routes.empty());
    auto found = gateway.best(c.base, c.bits);
    REQUIRE(found);
    CHECK(found->kind == c.kind);
    CHECK(found->paths.size() == c.paths);
    CHECK(gateway.disagreement() == "");
    gateway.space.run(family + " route del " + c.route);
    CHECK_FALSE(gateway.process().routes.empty());
    CHECK_FALSE(gateway.best(c.base, c.bits));
  }
}

TEST_CASE("of IPv6 routes of one metric the preference decides, then the order, as in Linux") {
  if (!require_root()) return;
  Gateway gateway;
  const char* preferences[] = {"low", "medium", "high"};
  for (const char* first : preferences)
    for (const char* second : preferences) {
      INFO(first << ", then " << second);
      gateway.space.run(
          fmt::format("ip -6 route add 2001:db8:77::/64 dev v0 metric 50 pref {} && "
                      "ip -6 route append 2001:db8:77::/64 dev v1 metric 50 pref {}",
                      first, second));
      (void)gateway.process();
      const std::string got = gateway.space.run("ip -6 route get 2001:db8:77::1");
      const auto best = gateway.best("2001:db8:77::", 64);
      REQUIRE(best);
      REQUIRE(best->paths.size() == 1);
      const Link* link = gateway.mirror->find_link(got.find(" dev v0 ") != std::string::npos ? "v0" : "v1");
      CHECK_MESSAGE(best->paths[0].ifindex == link->ifindex, got);
      gateway.space.run("ip -6 route flush 2001:db8:77::/64");
      (void)gateway.process();
    }
}

TEST_CASE("details of a route survive the way: weights, gateway of another family, onlink, mtu, source") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.space.run(
      "ip route add 10.1.0.0/16 nexthop via 192.0.2.2 weight 3 nexthop via inet6 2001:db8:1::2 dev v1 weight 5;"
      "ip route add 10.2.0.0/16 via 203.0.113.9 dev v1 onlink mtu 1300 src 192.0.2.17");
  gateway.process();
  auto several = gateway.best("10.1.0.0", 16);
  REQUIRE(several);
  REQUIRE(several->paths.size() == 2);
  CHECK(several->paths[0].weight == 3);
  CHECK(several->paths[1].weight == 5);
  CHECK(to_string(several->paths[1].gateway) == "2001:db8:1::2");
  auto odd = gateway.best("10.2.0.0", 16);
  REQUIRE(odd);
  CHECK(odd->paths[0].onlink);
  CHECK(odd->mtu == 1300);
  CHECK(to_string(odd->source) == "192.0.2.17");
}

TEST_CASE("the lowest metric wins, and its removal reveals the next") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.space.run(
      "ip route add 10.1.0.0/16 via 192.0.2.2 metric 20;"
      "ip route add 10.1.0.0/16 via 192.0.2.18 metric 10");
  gateway.process();
  CHECK(gateway.routes("10.1.0.0", 16).size() == 2);
  CHECK(to_string(gateway.best("10.1.0.0", 16)->paths[0].gateway) == "192.0.2.18");
  gateway.space.run("ip route del 10.1.0.0/16 metric 10");
  gateway.process();
  CHECK(to_string(gateway.best("10.1.0.0", 16)->paths[0].gateway) == "192.0.2.2");
}

TEST_CASE("a device that goes down takes its routes along, though Linux announces none of them") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.space.run(
      "ip route add 10.1.0.0/16 via 192.0.2.2;"
      "ip route add 10.2.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.2.18");
  gateway.process();
  gateway.space.run("ip link set v0 down");
  CHECK_FALSE(gateway.process().routes.empty());
  CHECK_FALSE(gateway.best("10.1.0.0", 16));
  auto half = gateway.best("10.2.0.0", 16);
  REQUIRE(half);
  CHECK(half->paths[0].dead != half->paths[1].dead);
  CHECK(gateway.disagreement() == "");
  gateway.space.run("ip link set v0 up");
  CHECK(gateway.disagreement() == "");
}

TEST_CASE("rules and routes of every table arrive") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.process();
  const std::size_t before = gateway.mirror->rules().size();
  gateway.space.run(
      "ip rule add pref 100 from 10.0.0.0/8 to 192.0.2.0/24 iif v1 ipproto udp sport 53 dport 1000-2000 lookup 1000;"
      "ip rule add pref 101 lookup main suppress_prefixlength 0; ip -6 rule add pref 102 not from 2001:db8::/32 "
      "prohibit;"
      "ip route add 10.9.0.0/16 via 192.0.2.2 table 1000");
  const Changes changes = gateway.process();
  CHECK(changes.rules);
  CHECK(changes.routes.contains({1000, {parse_address("10.9.0.0"), 16}, {parse_address("0.0.0.0"), 0}}));
  const auto& rules = gateway.mirror->rules();
  const auto at = [&](std::uint32_t priority) {
    return *std::find_if(rules.begin(), rules.end(), [&](const RouteRule& r) { return r.priority == priority; });
  };
  CHECK(rules.size() == before + 3);
  CHECK(at(100).table == 1000);
  CHECK(at(100).source.text() == "10.0.0.0/8");
  CHECK(at(100).destination.text() == "192.0.2.0/24");
  CHECK(at(100).iif == "v1");
  CHECK(at(100).protocol == 17);
  CHECK(at(100).source_ports == RouteRule::PortRange{53, 53});
  CHECK(at(100).destination_ports == RouteRule::PortRange{1000, 2000});
  CHECK(at(101).suppressed_bits == 0);
  CHECK(at(102).invert);
  CHECK(at(102).action == RuleAction::prohibit);
  CHECK(gateway.disagreement() == "");
  gateway.space.run("ip rule del pref 100");
  CHECK(gateway.process().rules);
  CHECK(rules.size() == before + 2);
}

TEST_CASE("a VRF names its table, and Linux adds its rule") {
  if (!require_root()) return;
  Gateway gateway;
  if (gateway.space.attempt("ip link add red type vrf table 1001").status != 0) {
    MESSAGE("this kernel has no VRF devices: not run");
    return;
  }
  gateway.space.run("ip link set red up; ip link set v2 master red");
  CHECK(gateway.process().rules);
  const auto& rules = gateway.mirror->rules();
  CHECK(std::any_of(rules.begin(), rules.end(), [](const RouteRule& r) { return r.l3mdev; }));
  CHECK(gateway.mirror->find_link("red")->vrf_table == 1001);
  CHECK(gateway.mirror->find_link("v2")->master_ifindex == gateway.mirror->find_link("red")->ifindex);
  CHECK(gateway.disagreement() == "");
}

TEST_CASE("a lost carrier marks paths, and its return clears them") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.space.run("ip route add 10.1.0.0/16 via 192.0.2.2");
  gateway.process();
  gateway.far.run("ip link set p0 down");
  CHECK(gateway.disagreement() == "");
  CHECK(gateway.best("10.1.0.0", 16)->paths[0].linkdown);
  CHECK_FALSE(gateway.mirror->find_link("v0")->up());
  gateway.far.run("ip link set p0 up");
  CHECK(gateway.disagreement() == "");
  CHECK_FALSE(gateway.best("10.1.0.0", 16)->paths[0].linkdown);
}

TEST_CASE("routes follow the nexthop object they use") {
  if (!require_root()) return;
  Gateway gateway;
  for (const char* compat : {"1", "0"}) {
    CAPTURE(compat);
    gateway.space.run(std::string{"sysctl -qw net.ipv4.nexthop_compat_mode="} + compat);
    gateway.space.run(
        "ip nexthop add id 1 via 192.0.2.2 dev v0; ip nexthop add id 2 via 192.0.2.18 dev v1;"
        "ip nexthop add id 3 group 1,2/2,9; ip route add 10.1.0.0/16 nhid 3; ip route add 10.2.0.0/16 nhid 1");
    gateway.process();
    auto group = gateway.best("10.1.0.0", 16);
    REQUIRE(group);
    REQUIRE(group->paths.size() == 2);
    CHECK(group->paths[1].weight == 9);
    gateway.space.run("ip nexthop replace id 1 via 192.0.2.3 dev v0");
    CHECK_FALSE(gateway.process().routes.empty());
    CHECK(to_string(gateway.best("10.2.0.0", 16)->paths[0].gateway) == "192.0.2.3");
    gateway.space.run("ip nexthop del id 1");
    CHECK_FALSE(gateway.process().routes.empty());
    CHECK_FALSE(gateway.best("10.2.0.0", 16));
    CHECK(gateway.best("10.1.0.0", 16)->paths.size() == 1);
    gateway.space.run("ip nexthop del id 2");
    gateway.process();
    CHECK_FALSE(gateway.best("10.1.0.0", 16));
    gateway.space.run("ip nexthop flush");
  }
}

TEST_CASE("a neighbour's change is named, and only that") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.process();
  gateway.space.run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev v0 nud permanent");
  Changes changes = gateway.process();
  NeighbourKey key{gateway.mirror->find_link("v0")->ifindex, parse_address("192.0.2.2")};
  CHECK(std::count(changes.neighbours.begin(), changes.neighbours.end(), key) == 1);
  CHECK(changes.routes.empty());
  const Neighbour* neighbour = gateway.mirror->find_neighbour(key);
  REQUIRE(neighbour != nullptr);
  CHECK(neighbour->state == NeighbourState::permanent);
  CHECK(neighbour->fixed());
  CHECK(neighbour->mac == Mac{2, 0, 0, 0, 0, 1});
  gateway.space.run("ip neigh del 192.0.2.2 dev v0");
  gateway.process();
  const Neighbour* after = gateway.mirror->find_neighbour(key);
  CHECK((after == nullptr || !after->usable()));
}

TEST_CASE("a bridge port that leaves its bridge does not vanish") {
  if (!require_root()) return;
  Gateway gateway;
  gateway.space.run("ip link add br0 type bridge; ip link set br0 up; ip link set v2 master br0");
  CHECK(gateway.disagreement() == "");
  gateway.space.run("ip link set v2 nomaster");
  CHECK(gateway.disagreement() == "");
  CHECK(gateway.mirror->find_link("v2") != nullptr);
}

TEST_CASE("an overrun is repaired and reported") {
  if (!require_root()) return;
  Gateway gateway{{.receive_buffer_bytes = 4096}};
  gateway.process();
  gateway.space.run(
      "{ for i in $(seq 0 199); do echo route add 10.$i.0.0/16 via 192.0.2.2; done; "
      "for i in $(seq 0 99); do echo route del 10.$i.0.0/16; done; } | ip -batch -");
  Changes changes = gateway.process();
  CHECK(changes.resynced);
  CHECK_FALSE(changes.routes.empty());
  CHECK_FALSE(gateway.best("10.99.0.0", 16));
  CHECK(gateway.best("10.100.0.0", 16));
  CHECK(gateway.disagreement() == "");
}

TEST_CASE("after 300 random changes the mirror equals what ip shows") {
  if (!require_root()) return;
  const char* wanted = std::getenv("TWINPATH_SEED");
  std::uint32_t seed = wanted != nullptr ? static_cast<std::uint32_t>(std::stoul(wanted)) : std::random_device{}();
  MESSAGE("seed " << seed);
  Gateway gateway;
  RandomChange change{seed};
  std::string log;
  for (int i = 1; i <= 300; ++i) {
    std::string command = change.next();
    bool done = gateway.space.attempt(command).status == 0;
    log += command + (done ? "\n" : "   (refused)\n");
    if (i % 5 != 0) continue;
    std::string found = gateway.disagreement();
    REQUIRE_MESSAGE(found == "", "seed " << seed << " change " << i << "\n" << found << "after\n" << log);
    log.clear();
  }
}
