// decide_test.cpp - the whole decision on one packet: the named situations of harness/situations.hpp, and what follows from
// some of them.

#include "common/target.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "harness/gateway_tables.hpp"
#include "harness/situations.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

bool installs(int reason, std::uint8_t side, const dp_packet& packet) {
  if (side == DP_SIDE_KERNEL) return reason == DP_NONE || reason == DP_STEER_EGRESS_SOCKET;
  const bool cut = packet.family == DP_FAMILY_V4 && (packet.flags & DP_PACKET_DONT_FRAGMENT) == 0;
  return reason == DP_NONE || reason == DP_STEER_PLACE_USER || reason == DP_STEER_NEIGHBOUR ||
         reason == DP_STEER_EGRESS_SOCKET || (reason == DP_STEER_TOO_BIG && cut);
}

}  // namespace

TEST_CASE("the table names at least sixty situations") { CHECK(situations().size() >= 60); }

TEST_CASE("each situation has its reason in both datapaths, and leaves a pair behind exactly when it may") {
  for (const Situation& situation : situations()) {
    for (const std::uint8_t side : {std::uint8_t{DP_SIDE_KERNEL}, std::uint8_t{DP_SIDE_ENGINE}}) {
      GatewayTables tables;
      situation.tables(tables);
      const int reason = tables.decide(situation.packet.bytes(), situation.ingress, side);
      const int wanted = side == DP_SIDE_KERNEL ? situation.kernel : situation.engine;
      INFO(situation.name << (side == DP_SIDE_KERNEL ? " in the kernel" : " in the engine"));
      CHECK(std::string(name_of(reason)) == name_of(wanted));
      CHECK(tables.slots_in_use() == (installs(wanted, side, tables.last.packet) ? 2 : 0));
    }
  }
}

TEST_CASE("the answer of an allowed flow passes the zone pair that no rule opens") {
  GatewayTables tables;
  tables.allow();
  REQUIRE(tables.decide((Eth{} / Ipv4{} / Udp{.sport = 1000, .dport = 53}).bytes(), kLan) == DP_NONE);
  const Packet answer = on_wan() / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000};
  CHECK(tables.decide(answer.bytes(), kWan) == DP_NONE);
  CHECK(tables.last.next_hop == 1);
}

TEST_CASE("an answer that comes in by another zone belongs to no flow") {
  GatewayTables tables;
  tables.allow();
  tables.port(kLan).source_check = DP_SOURCE_CHECK_OFF;
  REQUIRE(tables.decide((Eth{} / Ipv4{} / Tcp{.sport = 1000, .dport = 80}).bytes(), kLan) == DP_NONE);
  const Packet answer =
      Eth{} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Tcp{.sport = 80, .dport = 1000, .flags = 0x12};
  CHECK(tables.decide(answer.bytes(), kLan) == DP_NOT_SYN);
}

TEST_CASE("a flow whose rule is gone is dropped with its next packet and deleted") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  tables.set_rules(kInside, kOutside, {});
  CHECK(tables.decide(frame, kLan) == DP_NONE);  // not published yet
  tables.settings.stamp += 1U << 16;
  CHECK(tables.decide(frame, kLan) == DP_ZONE_DEFAULT);
  CHECK(tables.slots_in_use() == 0);
}

TEST_CASE("the answer of a flow whose rule is gone is dropped too, judged from the original direction") {
  GatewayTables tables;
  tables.allow();
  REQUIRE(tables.decide((Eth{} / Ipv4{} / Udp{.sport = 1000, .dport = 53}).bytes(), kLan) == DP_NONE);
  tables.set_rules(kInside, kOutside, {any_rule(9, DP_ACTION_DROP)});
  tables.settings.stamp += 1U << 16;
  const Packet answer = on_wan() / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000};
  CHECK(tables.decide(answer.bytes(), kWan) == DP_RULE);
}

TEST_CASE("a new route epoch changes the next hop of a live flow and asks no rule") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{.dst = "203.0.113.5"} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  tables.set_rules(kInside, kOutside, {});
  tables.path(0).next_hop = 4;
  tables.hop(4).flags |= DP_NEXT_HOP_RESOLVED;
  tables.settings.stamp += 1;
  CHECK(tables.decide(frame, kLan) == DP_NONE);
  CHECK(tables.last.next_hop == 4);
  CHECK(tables.last.match.rule == 0);  // what rules count
  CHECK(dp_flow_rule(&tables.env, DP_FAMILY_V4, &tables.last.view) == 7);
}

// fib_validate_source: a lookup that ends in an error is no way back, whatever the port's mode.
TEST_CASE("a source that no route leads to fails the loose check, whatever kind the route is of") {
  struct {
    dp_route_kind kind;
    int wanted;
  } kinds[] = {{DP_ROUTE_NONE, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_UNREACHABLE, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_BLACKHOLE, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_PROHIBITED, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_THROW, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_LOCAL, DP_MARTIAN_SOURCE},
               {DP_ROUTE_BROADCAST, DP_MARTIAN_SOURCE},
               {DP_ROUTE_ON_LINK, DP_NONE},
               {DP_ROUTE_VIA, DP_NONE},
               {DP_ROUTE_NOT_A_PORT, DP_NONE}};
  for (const auto& one : kinds)
    for (const bool v6 : {false, true}) {
      CAPTURE(one.kind);
      CAPTURE(v6);
      GatewayTables tables;
      tables.allow();
      tables.port(kLan).source_check = DP_SOURCE_CHECK_LOOSE;
      const auto first_path = static_cast<__u16>(v6 ? 1 : 0);
      const dp_route route{
          static_cast<__u8>(one.kind), static_cast<__u8>(one.kind == DP_ROUTE_VIA ? 1 : 0), kWan, first_path, 0, 0};
      if (v6) {
        tables.routes.add(0, "2001:db8:77::", 48, route);
        CHECK(tables.decide((Eth{} / Ipv6{.src = "2001:db8:77::7"} / Udp{}).bytes(), kLan) == one.wanted);
      } else {
        tables.routes.add(0, "10.77.0.0", 16, route);
        CHECK(tables.decide((Eth{} / Ipv4{.src = "10.77.0.7"} / Udp{}).bytes(), kLan) == one.wanted);
      }
    }
}

TEST_CASE("a host on the link that is reached by a route with an MTU has a next hop of its own") {
  GatewayTables tables;
  tables.allow();
  tables.hop(9) = tables.hop(2);
  tables.hop(9).mtu = 1400;
  tables.path(3) = {0, kWan, 1400, 0};
  tables.routes.add(0, "198.51.100.1", 32, {DP_ROUTE_VIA, 1, 0, 3, 0, 0});
  const Bytes small = (Eth{} / Ipv4{.df = true} / Udp{} / Payload(1372)).bytes();
  CHECK(tables.decide(small, kLan) == DP_STEER_NEIGHBOUR);
  tables.neighbours.add("198.51.100.1", kWan, 9, 1400);
  CHECK(tables.decide(small, kLan) == DP_NONE);
  CHECK(tables.last.next_hop == 9);
  CHECK(tables.decide((Eth{} / Ipv4{.df = true} / Udp{} / Payload(1373)).bytes(), kLan) == DP_STEER_TOO_BIG);
}

TEST_CASE("a route whose path is not there is no route") {
  GatewayTables tables;
  tables.allow();
  tables.routes.add(0, "203.0.113.16", 28, {DP_ROUTE_VIA, 2, kWan, 99, 0, 0});
  CHECK(tables.decide((Eth{} / Ipv4{.dst = "203.0.113.17"} / Udp{}).bytes(), kLan) == DP_STEER_UNREACHABLE);
  const dp_route_query& there = tables.last.there;
  CHECK(there.kind == DP_ROUTE_NONE);
  for (const __u16 field : {there.port, there.next_hop, there.first_path, __u16{there.path_count}}) CHECK(field == 0);
}

TEST_CASE("a route that names no port leads to no port, for a new flow and for a live one") {
  GatewayTables tables;
  tables.allow();
  tables.set_rules(kInside, 0, {any_rule(8, DP_ACTION_ALLOW)});  // what port 0 would have for a zone
  const Bytes frame = (Eth{} / Ipv4{.dst = "203.0.113.17"} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  tables.routes.add(0, "203.0.113.16", 28, {DP_ROUTE_ON_LINK, 0, 0, 0, 0, 0});
  CHECK(tables.decide((Eth{} / Ipv4{.dst = "203.0.113.18"} / Udp{}).bytes(), kLan) == DP_EGRESS_NOT_A_PORT);
  tables.settings.stamp += 1;
  CHECK(tables.decide(frame, kLan) == DP_EGRESS_NOT_A_PORT);
}

TEST_CASE("under a new route epoch no entry uses the next hop of a neighbour that is gone") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  REQUIRE(tables.last.next_hop == 2);
  tables.neighbours.forget(2);
  tables.settings.stamp += 1;
  for (const std::uint8_t side : {std::uint8_t{DP_SIDE_KERNEL}, std::uint8_t{DP_SIDE_ENGINE}}) {
    CHECK(tables.decide(frame, kLan, side) == DP_STEER_NEIGHBOUR);
    CHECK(tables.last.next_hop == 0);
  }
  tables.neighbours.add("198.51.100.1", kWan, 2);
  CHECK(tables.decide(frame, kLan) == DP_NONE);
}

TEST_CASE("a flow that the engine installed is held back from the kernel until it is let go") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan, DP_SIDE_ENGINE) == DP_NONE);
  CHECK(tables.decide(frame, kLan, DP_SIDE_KERNEL) == DP_STEER_HELD);
  CHECK(tables.decide(frame, kLan, DP_SIDE_ENGINE) == DP_NONE);
  const dp_flow_view view = tables.last.view;
  REQUIRE(dp_flow_change_flags(&tables.env, DP_FAMILY_V4, view.slot, view.control, 0, DP_FLOW_HELD) != 0);
  CHECK(tables.decide(frame, kLan, DP_SIDE_KERNEL) == DP_NONE);
}

TEST_CASE("a held flow goes on in the kernel when the daemon is gone") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan, DP_SIDE_ENGINE) == DP_NONE);
  tables.now += tables.settings.heartbeat_limit + 1;
  CHECK(tables.decide(frame, kLan, DP_SIDE_KERNEL) == DP_NONE);
}

TEST_CASE("a SYN on a closing flow starts a new one, on a live one it does not") {
  GatewayTables tables;
  tables.allow();
  const Bytes syn = (Eth{} / Ipv4{} / Tcp{}).bytes();
  REQUIRE(tables.decide(syn, kLan) == DP_NONE);
  const std::uint32_t first = tables.last.view.control;
  REQUIRE(tables.decide(syn, kLan) == DP_NONE);
  CHECK(dp_flow_same_version(tables.last.view.control, first));
  // the answer to the SYN, from a port that nobody listens on
  const Packet refusal = Packet{Eth{.dst = kWanMac}} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} /
                         Tcp{.sport = 80, .dport = 49152, .seq = 0, .ack = 1001, .flags = tcp::kRst | tcp::kAck};
  REQUIRE(tables.decide(refusal.bytes(), kWan) == DP_NONE);
  const std::uint32_t slot = tables.last.view.partner;
  REQUIRE(tables.decide(syn, kLan) == DP_NONE);
  const bool anew = tables.last.view.slot != slot || !dp_flow_same_version(tables.last.view.control, first);
  CHECK(anew);
  CHECK(tables.slots_in_use() == 2);
}

namespace {

// All that a decision can write, as bytes: the other tables are const in a dp_env, so the compiler refuses to write them.
class Snapshot {
 public:
  explicit Snapshot(const GatewayTables& tables) {
    for (const auto& part : parts(tables)) bytes_.emplace_back(part.begin(), part.end());
  }
  // Are the tables still as they were?
  [[nodiscard]] bool holds(const GatewayTables& tables) const {
    return std::ranges::equal(bytes_, parts(tables), [](const auto& a, const auto& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
    });
  }

 private:
  using Part = std::span<const std::byte>;
  static std::array<Part, 5> parts(const GatewayTables& tables) {
    return {Part{std::as_bytes(tables.env.flows4)}, Part{std::as_bytes(tables.env.flows6)},
            Part{std::as_bytes(tables.env.flows4_cold)}, Part{std::as_bytes(tables.env.flows6_cold)},
            Part{std::as_bytes(tables.env.budgets)}};
  }
  std::vector<std::vector<std::byte>> bytes_;
};

struct Arriving {
  Bytes frame;
  std::uint16_t ingress;
};

// A packet of few flows, so that most belong to a live one; or any of the named situations.
Arriving random_arrival(std::mt19937& random) {
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  if (below(6) == 0) {
    const Situation& situation = situations()[below(static_cast<std::uint32_t>(situations().size()))];
    return {situation.packet.bytes(), situation.ingress};
  }
  using namespace tcp;
  static constexpr std::uint8_t kFlags[] = {kSyn, kSyn, kSyn, kSyn | kAck, kAck, kFin | kAck, kRst | kAck, kRst | kAck};
  const bool from_lan = below(2) == 0, v6 = below(3) == 0;
  const std::uint8_t bits = kFlags[below(std::size(kFlags))];
  const std::uint32_t seq = 100 + below(2), ack = 100 + below(2), payload = below(20) == 0 ? 1480U : 0U;
  const auto client = static_cast<std::uint16_t>(1000 + below(3)), server = std::uint16_t{80};
  const auto ttl = static_cast<std::uint8_t>(below(20) == 0 ? 1 : 64);
  Packet packet = from_lan ? Packet{Eth{}} : Packet{on_wan()};
  if (v6)
    packet /= from_lan ? Ipv6{.hop_limit = ttl} : Ipv6{.src = "2001:db8:1::1", .dst = "2001:db8::1", .hop_limit = ttl};
  else
    packet /= from_lan ? Ipv4{.ttl = ttl} : Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1", .ttl = ttl};
  const std::uint16_t from = from_lan ? client : server, to = from_lan ? server : client;
  if (below(3) == 0)
    packet /= Udp{.sport = from, .dport = to};
  else
    packet /= Tcp{.sport = from, .dport = to, .seq = seq, .ack = ack, .flags = bits};
  packet /= Payload(payload);
  return {packet.bytes(), from_lan ? kLan : kWan};
}

// What the control plane does between packets.
void disturb(GatewayTables& tables, std::mt19937& random) {
  const auto place = random() % 4 == 0 ? DP_PLACE_USER : DP_PLACE_AUTO;
  switch (random() % 12) {
    case 0: tables.settings.stamp += 1U << 16; break;
    case 1: tables.settings.stamp += 1; break;
    case 2: tables.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_ALLOW, place)}); break;
    case 3: tables.set_rules(kInside, kOutside, {any_rule(8, DP_ACTION_DROP)}); break;
    case 4: tables.hop(2).flags ^= DP_NEXT_HOP_RESOLVED; break;
    case 5: tables.port(kWan).zone = tables.port(kWan).zone == kOutside ? kInside : kOutside; break;
    case 6: tables.settings.budget[random() % DP_BUDGETS] = static_cast<__u32>(random() % 3); break;
    case 7: tables.now += kHertz; break;
    case 8: tables.settings.crowded ^= DP_CROWDED_V4; break;
    default: break;
  }
}

bool is_refusal(int reason) { return reason == DP_HOST_BUDGET || reason == DP_STEER_BUDGET || reason == DP_TABLE_FULL; }

}  // namespace

TEST_CASE("a look writes nothing, says the same twice, and foretells what the decision does") {
  constexpr std::uint32_t kSeed = 20261128;
  std::mt19937 random(kSeed);
  std::array<std::uint32_t, 64> kinds{};
  for (int sequence = 0; sequence < 120; ++sequence) {
    GatewayTables tables;
    tables.allow();
    host_open(tables);
    for (int step = 0; step < 150; ++step) {
      if (random() % 8 == 0) disturb(tables, random);
      const Arriving arriving = random_arrival(random);
      const std::uint8_t side = random() % 3 == 0 ? DP_SIDE_ENGINE : DP_SIDE_KERNEL;
      INFO("seed " << kSeed << ", sequence " << sequence << ", step " << step);
      dp_context first, second;
      if (tables.read(arriving.frame, arriving.ingress, first) != DP_NONE) continue;
      first.side = side;
      second = first;
      const Snapshot before(tables);
      const int foretold = dp_look(&tables.env, &first);
      REQUIRE(foretold == dp_look(&tables.env, &second));
      REQUIRE(std::memcmp(&first, &second, sizeof(first)) == 0);
      REQUIRE(before.holds(tables));
      const int reason = tables.decide(arriving.frame, arriving.ingress, side);
      // a pair that moves is looked at again, and then the next hop has its say
      const bool moves = (first.operation.kinds & DP_OPERATION_MOVE) != 0;
      const bool as_foretold = reason == foretold || is_refusal(reason) || (moves && dp_engine_forwards(reason) != 0);
      INFO("foretold " << name_of(foretold) << ", is " << name_of(reason));
      REQUIRE(as_foretold);
      if (first.operation.kinds == 0 && first.operation.budget == DP_BUDGET_NONE) REQUIRE(before.holds(tables));
      ++kinds[first.operation.kinds];
    }
  }
  for (const int kind : {0, int{DP_OPERATION_DELETE}, int{DP_OPERATION_REFRESH}, int{DP_OPERATION_TRACK},
                         int{DP_OPERATION_INSTALL}, int{DP_OPERATION_REPLACE},
                         DP_OPERATION_DELETE | DP_OPERATION_INSTALL, DP_OPERATION_REFRESH | DP_OPERATION_TRACK})
    CHECK_MESSAGE(kinds[static_cast<std::size_t>(kind)] > 20, "operation ", kind);  // the walk has been everywhere
}
