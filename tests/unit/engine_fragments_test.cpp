// engine_fragments_test.cpp - fragments and ICMP errors that arrive at the engine, and where each frame of a mixed
// flood goes.

#include "common/target.h"

#include <doctest/doctest.h>

#include "harness/engine_fixture.hpp"

using namespace twinpath;
using namespace twinpath::test;

// --- fragments that arrive ------------------------------------------------------------------------------------

namespace {

Packet first_fragment(std::uint16_t id = 7) { return Eth{} / Ipv4{.id = id, .mf = true} / Udp{} / Payload(792); }
// Bytes 800 .. 1600; the last one, 1600 .. 1700, has no more behind it.
Packet middle_fragment(std::uint16_t id = 7) {
  return Eth{} / Ipv4{.id = id, .mf = true, .offset = 100, .protocol = 17} / Payload(800);
}
Packet last_fragment(std::uint16_t id = 7) {
  return Eth{} / Ipv4{.id = id, .offset = 200, .protocol = 17} / Payload(100);
}

std::vector<std::uint16_t> offsets(const std::vector<MemoryIo::Sent>& sent) {
  std::vector<std::uint16_t> out;
  for (const auto& one : sent) out.push_back(get16(one.bytes, 20) & 0x1fff);
  return out;
}

}  // namespace

TEST_CASE("fragments follow the decision on the first one and are counted on its flow") {
  EngineUnderTest test;
  dp_rule rule = any_rule(4, DP_ACTION_ALLOW);
  rule.protocol = 17;
  rule.destination_port_low = rule.destination_port_high = 53;
  test.tables.set_rules(kInside, kOutside, {rule});
  for (const Packet& fragment : {first_fragment(), middle_fragment(), last_fragment()}) test.pass(fragment);
  CHECK(offsets(test.io.take_sent()) == std::vector<std::uint16_t>{0, 100, 200});
  dp_flow_view view{};
  REQUIRE(test.tables.find((Eth{} / Ipv4{} / Udp{}).bytes(), kLan, view));
  test.later(test.clock.per_second());
  test.turn();
  CHECK(test.tables.packets_of(DP_FAMILY_V4, view.slot) == 3);
  CHECK(test.adds_up());
}

TEST_CASE("IPv6 fragments follow the decision on the first one too") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(Eth{} / Ipv6{} / Fragment6{.more = true} / Udp{} / Payload(792));
  test.pass(Eth{} / Ipv6{} / Fragment6{.offset = 100, .next = 17} / Payload(77));
  CHECK(test.io.sent_frames.size() == 2);
  CHECK(test.adds_up());
}

TEST_CASE("later fragments that come first wait, and all leave in the order they came") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(last_fragment());
  test.pass(middle_fragment());
  CHECK(test.engine->held() == 2);
  CHECK(test.adds_up());
  test.pass(first_fragment());
  CHECK(offsets(test.io.take_sent()) == std::vector<std::uint16_t>{0, 200, 100});
  CHECK(test.engine->held() == 0);
  CHECK(test.adds_up());
}

TEST_CASE("a fragment right behind the first does not overtake those that wait") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(last_fragment());
  test.io.arrive(first_fragment().bytes(), kLan);
  test.io.arrive(middle_fragment().bytes(), kLan);
  test.turn();
  CHECK(offsets(test.io.take_sent()) == std::vector<std::uint16_t>{0, 200, 100});
  CHECK(test.adds_up());
}

TEST_CASE("fragments whose first fragment does not come are dropped as fragment_timeout") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(last_fragment());
  test.later(2 * test.clock.per_second());
  test.turn();
  CHECK(test.drops(DP_FRAGMENT_TIMEOUT) == 1);
  CHECK(test.adds_up());
}

TEST_CASE("waiting fragments are dropped when their port is removed, and get no first fragment of its successor") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(last_fragment());
  REQUIRE(test.engine->held() == 1);
  const dp_port port = test.tables.port(kLan);
  test.tables.port(kLan) = dp_port{};
  test.engine->call(command::forget_port(kLan));
  CHECK(test.drops(DP_FRAGMENT_TIMEOUT) == 1);
  test.tables.port(kLan) = port;  // another port gets the number at once
  test.pass(middle_fragment());
  CHECK(test.engine->held() == 1);
  test.pass(first_fragment());
  CHECK(test.io.take_sent().size() == 2);
  CHECK(test.adds_up());
}

TEST_CASE("all fragments of a rejected datagram are dropped, and its sender gets one ICMP error") {
  EngineUnderTest test;
  test.tables.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_REJECT)});
  for (const Packet& fragment : {first_fragment(), middle_fragment(), last_fragment()}) test.pass(fragment);
  CHECK(test.drops(DP_RULE_REJECT) == 3);
  CHECK(test.io.sent_frames.size() == 1);
  CHECK(test.adds_up());
}

TEST_CASE("a later fragment is dropped when its rule was removed after the first fragment") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(first_fragment());
  test.tables.set_rules(kInside, kOutside, {});
  test.tables.settings.stamp += 1U << 16;
  test.pass(middle_fragment());
  CHECK(test.io.sent_frames.size() == 1);
  CHECK(test.drops(DP_ZONE_DEFAULT) == 1);
}

TEST_CASE("an overlapping fragment discards its datagram, a repeated one does not") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(first_fragment());
  test.pass(first_fragment());
  CHECK(test.drops(DP_BAD_FRAGMENT) == 1);
  test.pass(middle_fragment());
  CHECK(test.io.take_sent().size() == 2);
  test.pass(Eth{} / Ipv4{.id = 7, .mf = true, .offset = 190, .protocol = 17} / Payload(800));
  test.pass(last_fragment());
  CHECK(test.io.take_sent().empty());
  CHECK(test.drops(DP_BAD_FRAGMENT) == 3);
  CHECK(test.adds_up());
}

TEST_CASE("a complete datagram is forgotten, so its identification may be used again at once") {
  EngineUnderTest test;
  test.tables.allow();
  for (int round = 0; round < 3; ++round)
    for (const Packet& fragment : {first_fragment(), middle_fragment(), last_fragment()}) test.pass(fragment);
  CHECK(test.io.sent_frames.size() == 9);
  CHECK(test.all_drops() == 0);
}

TEST_CASE("fragments wait for a neighbour like any packet, in order") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(Eth{} / Ipv4{.dst = "198.51.100.9", .id = 7, .mf = true} / Udp{} / Payload(792));
  test.pass(Eth{} / Ipv4{.dst = "198.51.100.9", .id = 7, .offset = 100, .protocol = 17} / Payload(80));
  CHECK(test.engine->held() == 2);
  test.resolve(4);
  test.turn();
  CHECK(offsets(test.io.take_sent()) == std::vector<std::uint16_t>{0, 100});
  CHECK(test.adds_up());
}

TEST_CASE("a fragment above the egress MTU is fragmented again") {
  EngineUnderTest test;
  test.tables.allow();
  test.tables.hop(2).mtu = 500;
  for (const Packet& fragment : {first_fragment(), middle_fragment(), last_fragment()}) test.pass(fragment);
  const auto sent = test.io.take_sent();
  CHECK(sent.size() == 5);
  CHECK(reassemble(sent).size() == 1700);
  int last = 0;
  for (const auto& one : sent) last += (get16(one.bytes, 20) & 0x2000) == 0 ? 1 : 0;
  CHECK(last == 1);
  CHECK(test.adds_up());
}

// --- ICMP errors that arrive ----------------------------------------------------------------------------------

namespace {

// An ICMP host unreachable by a router beyond the wan port about a packet from 192.0.2.1:1000 to 198.51.100.1:53.
Packet host_unreachable(const char* quoted_source = "192.0.2.1", std::uint16_t quoted_sport = 1000) {
  const Bytes quoted =
      (Ipv4{.src = quoted_source, .ttl = 3, .total_length = 200} / Udp{.sport = quoted_sport, .length = 180}).bytes();
  return Eth{.dst = kWanMac} / Ipv4{.src = "203.0.113.5", .dst = "192.0.2.1"} /
         Icmp{.type = 3, .code = 1, .id = 0, .sequence = 0} / Raw{.data = quoted};
}

}  // namespace

TEST_CASE("an ICMP error about a live flow reaches the sender, and is not counted on the flow") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.1"));
  test.io.take_sent().clear();
  test.pass(host_unreachable(), kWan);
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].device == device_of(kLan));
  CHECK(sent[0].bytes[5] == 1);
  CHECK(sent[0].bytes[22] == 63);
  const Bytes original = host_unreachable().bytes();
  CHECK(Bytes(sent[0].bytes.begin() + 34, sent[0].bytes.end()) == Bytes(original.begin() + 34, original.end()));
  dp_flow_view view{};
  REQUIRE(test.tables.find(
      (Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000}).bytes(),
      kWan, view));
  CHECK(test.tables.packets_of(DP_FAMILY_V4, view.slot) == 0);
  CHECK(test.adds_up());
}

TEST_CASE("ICMP errors that match no flow, or come in by the wrong port, are dropped") {
  struct {
    const char* name;
    Packet packet;
    std::uint16_t port;
    int reason;
  } cases[] = {
      {"no such flow", host_unreachable("192.0.2.1", 1001), kWan, DP_UNSOLICITED_ICMP},
      {"quotes a packet of another sender", host_unreachable("192.0.2.7"), kWan, DP_UNSOLICITED_ICMP},
      {"comes from the side of the sender",
       Eth{} / Ipv4{.src = "192.0.2.3", .dst = "192.0.2.1"} / Icmp{.type = 3, .code = 1} /
           Raw{.data = (Ipv4{} / Udp{.sport = 1000}).bytes()},
       kLan, DP_UNSOLICITED_ICMP},
      {"from a source that its port cannot have",
       Eth{.dst = kWanMac} / Ipv4{.src = "192.0.2.5", .dst = "192.0.2.1"} / Icmp{.type = 3, .code = 1} /
           Raw{.data = (Ipv4{} / Udp{.sport = 1000}).bytes()},
       kWan, DP_SOURCE_CHECK_FAILED},
      {"quotes too little",
       Eth{.dst = kWanMac} / Ipv4{.src = "203.0.113.5", .dst = "192.0.2.1"} / Icmp{.type = 3, .code = 1} / Payload(12),
       kWan, DP_UNSOLICITED_ICMP},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    EngineUnderTest test;
    test.tables.allow();
    test.pass(udp("198.51.100.1"));
    test.io.sent_frames.clear();
    test.pass(c.packet, c.port);
    CHECK(test.io.sent_frames.empty());
    CHECK(test.drops(c.reason) == 1);
    CHECK(test.adds_up());
  }
}

TEST_CASE("an ICMP error about one sender's flow is not delivered to another") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.1"));
  test.pass(Eth{} / Ipv4{.src = "192.0.2.7"} / Udp{.sport = 1000});
  test.io.sent_frames.clear();
  test.pass(host_unreachable("192.0.2.7"), kWan);  // to 192.0.2.1
  CHECK(test.io.sent_frames.empty());
  CHECK(test.engine->held() == 0);
  CHECK(test.drops(DP_UNSOLICITED_ICMP) == 1);
}

TEST_CASE("an ICMP error about a reply goes to the responder, by the other half") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.1"));
  test.io.sent_frames.clear();
  const Bytes quoted = (Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000}).bytes();
  test.pass(Eth{} / Ipv4{.src = "192.0.2.1", .dst = "198.51.100.1"} / Icmp{.type = 3, .code = 3} / Raw{.data = quoted});
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].device == device_of(kWan));
}

TEST_CASE("a packet too big about an IPv6 TCP flow reaches the sender") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(Eth{} / Ipv6{} / Tcp{});
  test.io.sent_frames.clear();
  const Bytes quoted = (Ipv6{.hop_limit = 9} / Tcp{.flags = tcp::kAck}).bytes();
  test.pass(Eth{.dst = kWanMac} / Ipv6{.src = "2001:db8:2::7", .dst = "2001:db8::1"} /
                Icmp{.type = 2, .id = 0, .sequence = 1280} / Raw{.data = quoted},
            kWan);
  CHECK(test.io.sent_frames.size() == 1);
  CHECK(test.all_drops() == 0);
}

TEST_CASE("every frame of a mixed flood is sent, dropped or held, at every moment") {
  EngineUnderTest test({.hold_total = 32, .hold_per_neighbour = 16});
  test.tables.allow();
  test.tables.hop(2).mtu = 700;
  const Packet kinds[] = {udp("198.51.100.1"),
                          udp("198.51.100.9"),
                          udp("198.51.100.77"),
                          udp("10.9.9.9"),
                          first_fragment(),
                          last_fragment(9),
                          middle_fragment(),
                          last_fragment(),
                          Eth{} / Ipv4{} / Udp{} / Payload(1300),
                          Eth{} / Ipv4{.ttl = 1} / Udp{},
                          Eth{} / Ipv4{.df = true} / Udp{} / Payload(1300),
                          host_unreachable()};
  std::uint32_t seed = 12345;
  std::uint64_t arrived = 0;
  for (int round = 0; round < 400; ++round) {
    for (int i = 0; i < 40; ++i) {
      seed = seed * 1664525 + 1013904223;
      test.io.arrive(kinds[(seed >> 16) % std::size(kinds)].bytes(), kLan);
      ++arrived;
    }
    test.io.full = round % 17 == 0;
    test.io.no_frames = round % 13 == 0;
    test.io.stuck = round % 5 == 0;
    if (round % 50 == 49) test.later(4 * test.clock.per_second());
    test.turn();
    REQUIRE(test.adds_up());
  }
  test.io.full = test.io.no_frames = test.io.stuck = false;
  test.later(10 * test.clock.per_second());
  test.turn();
  CHECK(test.engine->held() == 0);
  CHECK(test.io.with_engine() == 0);
  std::uint64_t received = 0;
  for (const EngineCounter& counter : test.engine->counters().received) received += counter.read().packets;
  CHECK(received == arrived);
}
