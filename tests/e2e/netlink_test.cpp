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
    CHECK(gateway.process().routes);
    auto found = gateway.best(c.base, c.bits);
    REQUIRE(found);
    CHECK(found->kind == c.kind);
    CHECK(found->paths.size() == c.paths);
    CHECK(gateway.disagreement() == "");
    gateway.space.run(family + " route del " + c.route);
    CHECK(gateway.process().routes);
    CHECK_FALSE(gateway.best(c.base, c.bits));
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
  CHECK(gateway.process().routes);
  CHECK_FALSE(gateway.best("10.1.0.0", 16));
  auto half = gateway.best("10.2.0.0", 16);
  REQUIRE(half);
  CHECK(half->paths[0].dead != half->paths[1].dead);
  CHECK(gateway.disagreement() == "");
  gateway.space.run("ip link set v0 up");
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
    CHECK(gateway.process().routes);
    CHECK(to_string(gateway.best("10.2.0.0", 16)->paths[0].gateway) == "192.0.2.3");
    gateway.space.run("ip nexthop del id 1");
    CHECK(gateway.process().routes);
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
  CHECK_FALSE(changes.routes);
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
  CHECK(changes.routes);
  CHECK_FALSE(gateway.best("10.99.0.0", 16));
  CHECK(gateway.best("10.100.0.0", 16));
  CHECK(gateway.disagreement() == "");
}

namespace {

// One random change; many are refused by Linux, which is part of the test.
class RandomChange {
 public:
  explicit RandomChange(std::uint32_t seed) : random_(seed) {}

  std::string next() {
    switch (below(12)) {
      case 0: return "ip link set v" + number(3) + pick({" up", " down", " up"});
      case 1: return "ip link set v" + number(3) + " mtu " + pick({"1400", "1500", "9000"});
      case 2: return address4();
      case 3: return "ip -6 addr " + pick({"add", "del"}) + " 2001:db8:f::" + number(3) + "/64" + device() + " nodad";
      case 4: return "ip neigh " + pick({"replace", "del"}) + " " + gateway4() + mac() + device();
      case 5: return nexthop();
      case 6:
        return pick({"ip link add m0 link v0 type macvlan", "ip link set m0 up", "ip link del m0",
                     "ip link set v2 down; ip link set v2 up"});
      case 7:
      case 8: return route6();
      default: return route4();
    }
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return random_() % bound; }
  std::string number(std::uint32_t bound) { return std::to_string(below(bound)); }
  std::string pick(std::initializer_list<const char*> words) {
    return words.begin()[below(static_cast<std::uint32_t>(words.size()))];
  }
  std::string device() { return " dev v" + number(3); }
  std::string mac() { return " lladdr 02:00:00:00:00:0" + number(5); }
  std::string address4() {
    return "ip addr " + pick({"add", "del"}) + " 198.51.100." + number(4) + "/" + pick({"24", "32"}) + device();
  }
  std::string verb() { return pick({"add", "append", "prepend", "replace", "replace", "del"}); }
  std::string metric() { return pick({"", " metric 10", " metric 20"}); }
  std::string gateway4() { return "192.0.2." + std::to_string(16 * below(3) + 2 + below(2)); }
  std::string gateway6() { return "2001:db8:" + number(3) + "::" + std::to_string(2 + below(2)); }

  std::string nexthop() {
    std::string id = std::to_string(1 + below(3));
    switch (below(4)) {
      case 0: return "ip nexthop del id " + id;
      case 1: return "ip nexthop replace id 4 group 1,2/2,5";
      case 2: return "ip -6 nexthop replace id 5 via " + gateway6() + " dev v" + number(3);
      default: return "ip nexthop replace id " + id + " via " + gateway4() + " dev v" + number(3);
    }
  }

  std::string route4() {
    std::string head = "ip -4 route " + verb() + " ", prefix = "10." + number(3) + ".0.0/16", tail = metric();
    switch (below(7)) {
      case 0: return head + pick({"blackhole ", "unreachable ", "prohibit ", "throw "}) + prefix + tail;
      case 1: return head + prefix + " dev v" + number(3) + tail;
      case 2: return head + prefix + tail + " nexthop via " + gateway4() + " weight 2 nexthop via " + gateway4();
      case 3: return head + prefix + " nhid " + std::to_string(1 + below(4)) + tail;
      case 4: return head + prefix + " via " + gateway4() + " src 198.51.100." + number(4) + tail;
      case 5: return head + prefix + " via inet6 " + gateway6() + " dev v" + number(3) + tail;
      default: return head + prefix + " via " + gateway4() + tail;
    }
  }

  std::string route6() {
    std::string head = "ip -6 route " + verb() + " ", prefix = "2001:db8:a" + number(3) + "::/48", tail = metric();
    switch (below(6)) {
      case 0: return head + pick({"blackhole ", "unreachable ", "prohibit "}) + prefix + tail;
      case 1: return head + prefix + " dev v" + number(3) + tail;
      case 2: return head + prefix + tail + " nexthop via " + gateway6() + " nexthop via " + gateway6() + " weight 4";
      case 3: return head + prefix + " nhid 5" + tail;
      default: return head + prefix + " via " + gateway6() + tail;
    }
  }

  std::mt19937 random_;
};

}  // namespace

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
