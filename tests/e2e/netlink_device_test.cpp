// Devices' features, veth peers, and managed neighbours, in namespaces of the test's own.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "harness/namespace.hpp"
#include "netlink/device.hpp"
#include "netlink/ethtool.hpp"
#include "netlink/mirror.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/offloads.hpp"
#include "netlink/xdp_features.hpp"

using namespace twinpath;
using namespace twinpath::netlink;
using namespace twinpath::test;
using namespace std::chrono_literals;

namespace {

// Unwraps what must have worked.
template <class T>
T must(Result<T> result) {
  REQUIRE_MESSAGE(result, result.error().text);
  return std::move(*result);
}

struct Pair {
  TestNamespace here{"netlink-here"};
  TestNamespace there{"netlink-there"};

  Pair() { here.veth("lan0", there, "eth0"); }
  std::string features() { return here.run("ethtool -k lan0") + there.run("ethtool -k eth0"); }
};

// Plans and applies, and what stayed as it was is a problem too.
Result<OffloadPlan> fix_offloads(const std::string& device, bool generic = false) {
  auto plan = plan_offloads(device, generic);
  if (!plan) return plan;
  auto stayed = apply_offloads(*plan);
  if (!stayed) return pass_on(std::move(stayed.error()));
  plan->problems.insert(plan->problems.end(), stayed->begin(), stayed->end());
  return plan;
}

bool is_on(const TestNamespace& space, const std::string& device, const std::string& feature) {
  return space.run("ethtool -k " + device).find(feature + ": on") != std::string::npos;
}

}  // namespace

TEST_CASE("a device is found by name and by number, with its queues") {
  if (!require_root()) return;
  TestNamespace space{"netlink-here"};
  space.run("ip link add lan0 numrxqueues 4 numtxqueues 2 type veth peer name eth0; ip link set lan0 mtu 1400");
  space.inside([] {
    Link link = must(find_device("lan0"));
    CHECK(link.mtu == 1400);
    CHECK(link.kind == "veth");
    CHECK(link.rx_queues == 4);
    CHECK(must(find_device(link.ifindex)).name == "lan0");
    CHECK(must(count_rx_queues(link)) == 4);
    CHECK(must(count_rx_queues(must(find_device("lo")))) == 1);
    CHECK(find_device("nothing").error().code == ENODEV);
    CHECK(find_device("a-name-that-is-much-too-long").error().code == ENODEV);
  });
}

TEST_CASE("the peer of a veth is found in the same namespace, in a named one, and in a process's") {
  if (!require_root()) return;
  Pair pair;
  pair.here.run("ip link add a0 type veth peer name a1");
  pair.here.inside([&] {
    auto same = must(find_peer(must(find_device("a0"))));
    REQUIRE(same);
    CHECK(same->name == "a1");
    CHECK(same->netns == must(own_netns()));
    auto named = must(find_peer(must(find_device("lan0"))));
    REQUIRE(named);
    CHECK(named->name == "eth0");
    CHECK(named->netns != must(own_netns()));
    CHECK_FALSE(must(find_peer(must(find_device("lo")))));
  });
  // A namespace that has no name, as a container's: alive by a process alone.
  std::string pid = pair.here.run("unshare --net sleep 20 >/dev/null 2>&1 & echo $!");
  pid.erase(pid.find_last_not_of('\n') + 1);
  std::this_thread::sleep_for(300ms);
  pair.here.run("ip link add c0 type veth peer name c1 netns " + pid);
  pair.here.inside([&] {
    auto unnamed = must(find_peer(must(find_device("c0"))));
    REQUIRE(unnamed);
    CHECK(unnamed->name == "c1");
  });
  REQUIRE(run_command("kill " + pid).status == 0);
}

TEST_CASE("fixing offloads prepares both ends of a veth, and restoring leaves no trace") {
  if (!require_root()) return;
  Pair pair;
  std::string before = pair.features();
  OffloadPlan fix;
  pair.here.inside([&] { fix = must(fix_offloads("lan0")); });
  CHECK(fix.has_peer);
  CHECK(fix.peer_reached);
  CHECK(fix.problems.empty());
  CHECK_FALSE(is_on(pair.there, "eth0", "tx-checksumming"));
  CHECK(is_on(pair.there, "eth0", "generic-receive-offload"));
  CHECK_FALSE(is_on(pair.there, "eth0", "rx-vlan-offload"));
  CHECK_FALSE(is_on(pair.there, "eth0", "tx-vlan-offload"));
  CHECK_FALSE(is_on(pair.here, "lan0", "rx-vlan-offload"));
  CHECK_FALSE(is_on(pair.here, "lan0", "tx-vlan-offload"));
  CHECK(is_on(pair.here, "lan0", "tx-checksumming"));
  SUBCASE("from the same namespace") {
    pair.here.inside([&] { CHECK(restore_offloads(fix.changes)); });
  }
  SUBCASE("from anywhere, by another process later") { CHECK(restore_offloads(fix.changes)); }
  SUBCASE("after the device was renamed") {
    pair.there.run("ip link set eth0 down; ip link set eth0 name eth9");
    CHECK(restore_offloads(fix.changes));
    pair.there.run("ip link set eth9 name eth0; ip link set eth0 up");
  }
  CHECK(pair.features() == before);
}

TEST_CASE("a plan changes nothing, and restoring what was planned only, or done in part, leaves no trace") {
  if (!require_root()) return;
  Pair pair;
  const std::string before = pair.features();
  OffloadPlan plan;
  pair.here.inside([&] { plan = must(plan_offloads("lan0")); });
  CHECK(pair.features() == before);
  CHECK(plan.targets.size() == 2);
  SUBCASE("nothing was done") {}
  SUBCASE("the device was changed, its peer was not") {
    OffloadPlan first = plan;
    first.targets.pop_back();
    CHECK(must(apply_offloads(first)).empty());
    CHECK(pair.features() != before);
  }
  CHECK(restore_offloads(plan.changes));
  CHECK(pair.features() == before);
}

TEST_CASE("a change that fails is undone with those before it") {
  if (!require_root()) return;
  Pair pair;
  const std::string before = pair.features();
  OffloadPlan plan;
  pair.here.inside([&] { plan = must(plan_offloads("lan0")); });
  plan.targets.back().needed.push_back({"no-such-feature", true});
  CHECK_FALSE(apply_offloads(plan));
  CHECK(pair.features() == before);
}

TEST_CASE("a second fix finds nothing to do, so its journal cannot undo the first one's") {
  if (!require_root()) return;
  Pair pair;
  pair.here.inside([&] {
    CHECK_FALSE(must(fix_offloads("lan0")).changes.empty());
    CHECK(must(fix_offloads("lan0")).changes.empty());
  });
}

TEST_CASE("generic attach also needs whole segments cut before they arrive") {
  if (!require_root()) return;
  Pair pair;
  std::string before = pair.features();
  OffloadPlan fix;
  pair.here.inside([&] { fix = must(fix_offloads("lan0", true)); });
  CHECK_FALSE(is_on(pair.there, "eth0", "tcp-segmentation-offload"));
  CHECK_FALSE(is_on(pair.there, "eth0", "generic-segmentation-offload"));
  CHECK(restore_offloads(fix.changes));
  CHECK(pair.features() == before);
}

TEST_CASE("restoring passes over devices and namespaces that are gone") {
  if (!require_root()) return;
  OffloadPlan fix;
  {
    Pair pair;
    pair.here.inside([&] { fix = must(fix_offloads("lan0")); });
    pair.here.run("ip link del lan0");
    CHECK(restore_offloads(fix.changes));
  }
  CHECK(restore_offloads(fix.changes));
}

TEST_CASE("fixing a device that does not exist says so and changes nothing") {
  if (!require_root()) return;
  TestNamespace space{"netlink-here"};
  space.inside([] {
    auto fix = fix_offloads("nothing");
    REQUIRE_FALSE(fix);
    CHECK(fix.error().code == ENODEV);
  });
}

TEST_CASE("a veth takes redirects only while its peer has NAPI, and the change is announced") {
  if (!require_root()) return;
  Pair pair;
  pair.here.inside([&] {
    std::uint32_t ifindex = must(find_device("lan0")).ifindex;
    auto first = must(query_xdp_features(ifindex));
    if (!first) {
      MESSAGE("this kernel does not tell XDP features");
      return;
    }
    XdpFeatureWatch watch = must(XdpFeatureWatch::open());
    CHECK((first->flags & kXdpBasic) != 0);
    CHECK((first->flags & kXdpXskZerocopy) == 0);
    CHECK_FALSE(first->takes_redirects());
    pair.there.run("ethtool -K eth0 gro on");
    auto news = must(watch.process());
    auto mine = std::find_if(news.rbegin(), news.rend(), [&](const auto& f) { return f.ifindex == ifindex; });
    REQUIRE(mine != news.rend());
    CHECK(mine->takes_redirects());
    CHECK(must(watch.query(ifindex)).takes_redirects());
    pair.there.run("ethtool -K eth0 gro off");
    CHECK_FALSE(must(watch.query(ifindex)).takes_redirects());
    CHECK_FALSE(must(watch.process()).empty());
    CHECK(watch.query(0x7fffffff).error().code == ENODEV);
    CHECK_FALSE(must(watch.query_all()).empty());
  });
}

namespace {

// A router with two hosts on one wire, impatient timers, and a resolver.
// Reachable for 1.5 to 4.5 s: with less than the delay before a probe (1 s) Linux would probe for ever by itself.
struct Wire {
  Pair pair;
  std::optional<Mirror> mirror;
  std::optional<Resolver> resolver;
  std::uint32_t ifindex = 0;

  Wire() {
    pair.here.run("ip addr add 192.0.2.1/24 dev lan0; ip -6 addr add 2001:db8::1/64 dev lan0 nodad");
    pair.there.run(
        "ip addr add 192.0.2.2/24 dev eth0; ip addr add 192.0.2.3/24 dev eth0;"
        "ip -6 addr add 2001:db8::2/64 dev eth0 nodad");
    for (const char* family : {"ipv4", "ipv6"}) {
      std::string base = std::string{"net."} + family + ".neigh.lan0.";
      pair.here.run("sysctl -qw " + base + "base_reachable_time_ms=3000 " + base + "delay_first_probe_time=1");
    }
    pair.here.inside([&] {
      mirror.emplace(must(Mirror::open()));
      resolver.emplace(must(Resolver::open()));
      ifindex = must(find_device("lan0")).ifindex;
    });
  }

  NeighbourKey key(const std::string& address) const { return {ifindex, parse_address(address)}; }

  const Neighbour* look(const std::string& address) {
    REQUIRE(mirror->process());
    return mirror->find_neighbour(key(address));
  }

  bool becomes(const std::string& address, NeighbourState state, std::chrono::milliseconds within = 5s) {
    for (auto end = std::chrono::steady_clock::now() + within; std::chrono::steady_clock::now() < end;) {
      const Neighbour* known = look(address);
      if (known != nullptr && known->state == state) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a neighbour that was asked for is resolved, one that does not exist fails") {
  if (!require_root()) return;
  Wire wire;
  for (const char* address : {"192.0.2.2", "2001:db8::2", "192.0.2.9"}) wire.resolver->resolve(wire.key(address));
  REQUIRE(wire.resolver->flush());
  CHECK(wire.becomes("192.0.2.2", NeighbourState::reachable));
  CHECK(wire.becomes("2001:db8::2", NeighbourState::reachable));
  CHECK(wire.look("192.0.2.2")->usable());
  CHECK(wire.becomes("192.0.2.9", NeighbourState::failed));
  CHECK(must(wire.resolver->process()).empty());
}

TEST_CASE("a managed neighbour stays fresh, an unmanaged one goes stale, a released one does too") {
  if (!require_root()) return;
  Wire wire;
  if (!wire.resolver->manages()) {
    MESSAGE("this kernel does not manage neighbours");
    return;
  }
  wire.resolver->manage(wire.key("192.0.2.2"));
  wire.resolver->resolve(wire.key("192.0.2.3"));
  REQUIRE(wire.resolver->flush());
  REQUIRE(wire.becomes("192.0.2.2", NeighbourState::reachable));
  CHECK(wire.look("192.0.2.2")->managed);
  REQUIRE(wire.becomes("192.0.2.3", NeighbourState::stale, 10s));
  // Confirmed again within interval_probe_time_ms of going stale: 5 s, and only the first namespace may set it. How long it
  // is stale in between is chance, and may be too short to be seen; by now it has been longer silent than it stays fresh.
  std::this_thread::sleep_for(5s);
  CHECK(wire.becomes("192.0.2.2", NeighbourState::reachable, 10s));
  CHECK(wire.look("192.0.2.3")->state == NeighbourState::stale);
  wire.resolver->release(wire.key("192.0.2.2"));
  REQUIRE(wire.resolver->flush());
  CHECK(wire.becomes("192.0.2.2", NeighbourState::stale, 10s));
  std::this_thread::sleep_for(7s);
  CHECK(wire.look("192.0.2.2")->state == NeighbourState::stale);
  CHECK_FALSE(wire.look("192.0.2.2")->managed);
}

TEST_CASE("resolving a permanent neighbour would destroy it, so it is not wanted") {
  if (!require_root()) return;
  Wire wire;
  wire.pair.here.run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev lan0 nud permanent");
  CHECK_FALSE(wants_resolving(wire.look("192.0.2.2")));
  CHECK(wants_resolving(nullptr));
  // What Linux does when it is asked all the same: the reason for the rule.
  wire.resolver->manage(wire.key("192.0.2.2"));
  REQUIRE(wire.resolver->flush());
  CHECK(wire.look("192.0.2.2")->state != NeighbourState::permanent);
}

TEST_CASE("what Linux refuses is told per neighbour, among thousands of requests") {
  if (!require_root()) return;
  Wire wire;
  for (int i = 0; i < 3000; ++i)
    wire.resolver->resolve({0x7ffffffe, parse_address(fmt::format("10.0.{}.{}", i / 250, i % 250 + 1))});
  wire.resolver->manage(wire.key("192.0.2.2"));
  wire.resolver->release(wire.key("192.0.2.77"));
  REQUIRE(wire.resolver->flush());
  auto refusals = must(wire.resolver->process());
  CHECK(refusals.size() == 3000);
  REQUIRE_FALSE(refusals.empty());
  CHECK(refusals[0].code == ENODEV);
  CHECK(to_string(refusals[0].key.address) == "10.0.0.1");
  CHECK(wire.becomes("192.0.2.2", NeighbourState::reachable));
}
