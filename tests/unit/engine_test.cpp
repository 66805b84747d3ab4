// engine_test.cpp - the engine without a network: the packets it sends, holds, fragments, replies to and drops, and
// that each frame is finished once.

#include "common/target.h"

#include <doctest/doctest.h>

#include "harness/engine_fixture.hpp"

using namespace twinpath;
using namespace twinpath::test;

TEST_CASE("a packet of an allowed flow leaves with new MAC addresses and one hop less") {
  EngineUnderTest test;
  test.tables.allow(DP_PLACE_USER);
  test.pass(udp("198.51.100.1"));
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].device == device_of(kWan));
  CHECK(sent[0].bytes[22] == 63);
  CHECK(sent[0].bytes[5] == 2);  // next hop 2
  CHECK(header_is_right(sent[0].bytes));
  CHECK(test.adds_up());
}

TEST_CASE("the pair that the engine installed is handed over once its packet has left the socket") {
  EngineUnderTest test;
  test.tables.allow();
  test.io.stuck = true;
  test.pass(udp("198.51.100.1"));
  test.turn();
  CHECK(test.is_held(udp("198.51.100.1")));
  test.io.stuck = false;
  test.turn();
  CHECK_FALSE(test.is_held(udp("198.51.100.1")));
}

TEST_CASE("a pair is not handed over after a full burst, because more packets may wait to be received") {
  EngineUnderTest test;
  test.tables.allow();
  for (std::uint32_t i = 0; i < 2 * afxdp::kBurstMax; ++i) test.io.arrive(udp("198.51.100.1").bytes(), kLan);
  test.turn();
  CHECK(test.is_held(udp("198.51.100.1")));
  test.turn();
  CHECK(test.is_held(udp("198.51.100.1")));
  test.turn();
  CHECK_FALSE(test.is_held(udp("198.51.100.1")));
  CHECK(test.io.sent_frames.size() == 2 * afxdp::kBurstMax);
}

TEST_CASE("a pair whose packet never completes is handed over after kHandOverSeconds") {
  EngineUnderTest test;
  test.tables.allow();
  test.io.stuck = true;
  test.pass(udp("198.51.100.1"));
  test.later(2 * test.clock.per_second());
  test.turn();
  CHECK_FALSE(test.is_held(udp("198.51.100.1")));
}

TEST_CASE("packets wait for their neighbour and then leave in the order they came") {
  EngineUnderTest test;
  test.tables.allow();
  for (std::uint16_t id = 1; id <= 5; ++id)
    test.pass(Eth{} / Ipv4{.dst = "198.51.100.9", .id = id} / Udp{} / Payload(8));
  CHECK(test.engine->held() == 5);
  CHECK(test.io.sent_frames.empty());
  CHECK(test.requests.noted.size() == 5);
  CHECK(test.adds_up());
  test.resolve(4);
  test.turn();
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 5);
  for (std::uint16_t id = 1; id <= 5; ++id) CHECK(get16(sent[id - 1U].bytes, 18) == id);
  CHECK(test.engine->held() == 0);
  CHECK(test.adds_up());
  test.turn();
  CHECK_FALSE(test.is_held(Eth{} / Ipv4{.dst = "198.51.100.9"} / Udp{}));
}

TEST_CASE("a packet that comes when the neighbour is resolved does not overtake one that is still held") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(Eth{} / Ipv4{.dst = "198.51.100.9", .id = 1} / Udp{});
  test.turn();                                       // the engine has just tried
  test.tables.hop(4).flags |= DP_NEXT_HOP_RESOLVED;  // without a command to the engine, and before its own retry
  test.pass(Eth{} / Ipv4{.dst = "198.51.100.9", .id = 2} / Udp{});
  test.later(test.clock.per_second());
  test.turn();
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 2);
  CHECK(get16(sent[0].bytes, 18) == 1);
  CHECK(get16(sent[1].bytes, 18) == 2);
}

TEST_CASE("when the neighbour does not resolve, the packet is dropped and its sender gets an ICMP error") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  test.later(4 * test.clock.per_second());
  test.turn();
  CHECK(test.drops(DP_NEIGHBOUR_FAILED) == 1);
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].device == device_of(kLan));
  CHECK(sent[0].bytes[34] == 3);  // host unreachable
  CHECK(sent[0].bytes[35] == 1);
  CHECK(test.adds_up());
}

TEST_CASE("when Linux marks the neighbour as failed, its packets are dropped at once, with an ICMP error") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  test.pass(udp("198.51.100.9"));
  test.fail(4);
  test.turn();
  CHECK(test.drops(DP_NEIGHBOUR_FAILED) == 2);
  CHECK(test.engine->held() == 0);
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].device == device_of(kLan));
  CHECK(sent[0].bytes[34] == 3);  // host unreachable
  CHECK(sent[0].bytes[35] == 1);
  CHECK(test.adds_up());
}

TEST_CASE("beyond the budget of ICMP errors packets for a failed neighbour are dropped without an ICMP error") {
  EngineUnderTest test;
  test.tables.allow();
  test.tables.settings.budget[DP_BUDGET_MADE] = 1;
  for (int i = 0; i < 3; ++i) test.pass(udp("198.51.100.9"));
  test.fail(4);
  test.turn();
  CHECK(test.drops(DP_NEIGHBOUR_FAILED) == 3);
  CHECK(test.io.take_sent().size() == 1);
  CHECK(test.adds_up());
}

TEST_CASE("a packet for a neighbour that had failed before makes Linux try again, and waits for the result") {
  EngineUnderTest test;
  test.tables.allow();
  test.fail(4);
  test.pass(udp("198.51.100.9"));
  test.later(test.clock.per_second());
  test.turn();
  CHECK(test.drops(DP_NEIGHBOUR_FAILED) == 0);
  CHECK(test.requests.noted.size() >= 1);
  test.tables.hop(4).flags &= static_cast<__u16>(~DP_NEXT_HOP_FAILED);  // Linux tries again
  test.later(test.clock.per_second());
  test.turn();
  CHECK(test.engine->held() == 1);
  test.fail(4);
  test.turn();
  CHECK(test.drops(DP_NEIGHBOUR_FAILED) == 1);
  CHECK(test.adds_up());
}

TEST_CASE("a flow whose held packet was dropped is handed over by the next packet that is sent") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  test.later(4 * test.clock.per_second());
  test.turn();
  CHECK(test.is_held(udp("198.51.100.9")));
  test.resolve(4);
  test.pass(udp("198.51.100.9"));
  test.turn();
  CHECK_FALSE(test.is_held(udp("198.51.100.9")));
}

TEST_CASE("a neighbour that does not resolve is requested again, once a second") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  for (int i = 0; i < 20; ++i) {
    test.later(test.clock.per_second() / 10 + 1);
    test.turn();
  }
  CHECK(test.requests.noted.size() >= 2);
  CHECK(test.requests.noted.size() <= 4);
}

TEST_CASE("beyond the queue's bounds arriving packets are dropped, and those in it stay") {
  EngineUnderTest test({.hold_total = 8, .hold_per_neighbour = 4});
  test.tables.allow();
  for (std::uint16_t i = 0; i < 10; ++i) test.pass(udp("198.51.100.9", static_cast<std::uint16_t>(2000 + i)));
  CHECK(test.engine->held() == 4);
  CHECK(test.drops(DP_HOLD_FULL) == 6);
  CHECK(test.adds_up());
}

TEST_CASE("a packet for a full transmit ring is counted as dropped, and its frame is released") {
  EngineUnderTest test;
  test.tables.allow();
  test.io.full = true;
  test.pass(udp("198.51.100.1"));
  CHECK(test.drops(DP_TX_FULL) == 1);
  CHECK(test.adds_up());
}

TEST_CASE("held packets are dropped when their rule is removed") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  test.tables.set_rules(kInside, kOutside, {});
  test.tables.settings.stamp += 1U << 16;
  test.resolve(4);
  test.turn();
  CHECK(test.drops(DP_ZONE_DEFAULT) == 1);
  CHECK(test.io.sent_frames.empty());
  CHECK(test.adds_up());
}

TEST_CASE("held packets are decided by the zone that their port is in when they leave") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  REQUIRE(test.engine->held() == 1);
  test.tables.port(kLan).zone = 0;
  test.resolve(4);
  test.turn();
  CHECK(test.drops(DP_ZONE_DEFAULT) == 1);
  CHECK(test.io.take_sent().empty());
  CHECK(test.adds_up());
}

TEST_CASE("held packets of a port that is removed are dropped before its number can mean another port") {
  EngineUnderTest test;
  test.tables.allow();
  test.pass(udp("198.51.100.9"));
  REQUIRE(test.engine->held() == 1);
  const dp_port port = test.tables.port(kLan);
  test.tables.port(kLan) = dp_port{};
  test.engine->call(command::forget_port(kLan));
  CHECK(test.drops(DP_STALE_STEER) == 1);
  test.tables.port(kLan) = port;
  test.resolve(4);
  test.turn();
  CHECK(test.io.take_sent().empty());
  CHECK(test.engine->held() == 0);
  CHECK(test.adds_up());
}

TEST_CASE("a frame without metadata of our program is dropped") {
  EngineUnderTest test;
  test.tables.allow();
  test.io.arrive(udp("198.51.100.1").bytes(), 0);
  test.turn();
  CHECK(test.drops(DP_STALE_STEER) == 1);
  CHECK(test.adds_up());
}

TEST_CASE("IPv4 without DF above the MTU leaves in fragments, which reassemble to the same packet") {
  EngineUnderTest test;
  test.tables.allow();
  test.tables.hop(2).mtu = 600;
  const Packet big = Eth{} / Ipv4{} / Udp{} / Payload(1400);
  test.pass(big);
  const auto sent = test.io.take_sent();
  REQUIRE(sent.size() == 3);
  for (const auto& [bytes, device] : sent) {
    CHECK(device == device_of(kWan));
    CHECK(get16(bytes, 16) <= 600);
    CHECK(bytes.size() == 14U + get16(bytes, 16));
    CHECK(bytes[22] == 63);
    CHECK(header_is_right(bytes));
  }
  CHECK((get16(sent[0].bytes, 20) & 0x2000) != 0);
  CHECK((get16(sent[2].bytes, 20) & 0x2000) == 0);
  const Bytes original = big.bytes();
  CHECK(reassemble(sent) == Bytes(original.begin() + 34, original.end()));
  CHECK(test.adds_up());
  dp_flow_view view{};
  REQUIRE(test.tables.find(big.bytes(), kLan, view));
  CHECK(test.tables.packets_of(DP_FAMILY_V4, view.slot) == 1);
}

TEST_CASE("the sender of a packet that must not be fragmented gets an ICMP error with the MTU") {
  struct {
    const char* name;
    Packet packet;
    std::size_t at;
    std::uint8_t type, code;
  } cases[] = {{"IPv4 with DF", Eth{} / Ipv4{.df = true} / Udp{} / Payload(1400), 34, 3, 4},
               {"IPv6", Eth{} / Ipv6{} / Udp{} / Payload(1400), 54, 2, 0}};
  for (const auto& c : cases) {
    INFO(c.name);
    EngineUnderTest test;
    test.tables.allow();
    test.tables.hop(2).mtu = test.tables.hop(6).mtu = 1300;
    test.pass(c.packet);
    CHECK(test.drops(DP_TOO_BIG) == 1);
    const auto sent = test.io.take_sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].bytes[c.at] == c.type);
    CHECK(sent[0].bytes[c.at + 1] == c.code);
    CHECK(get16(sent[0].bytes, c.at + 6) == 1300);
    CHECK(test.adds_up());
  }
}

TEST_CASE("without free frames for the fragments, the packet is dropped and no fragment is sent") {
  EngineUnderTest test;
  test.tables.allow();
  test.tables.hop(2).mtu = 600;
  test.io.no_frames = true;
  test.pass(Eth{} / Ipv4{} / Udp{} / Payload(1400));
  CHECK(test.io.sent_frames.empty());
  CHECK(test.drops(DP_TX_FULL) == 1);
  CHECK(test.adds_up());
}

TEST_CASE("a packet to be fragmented waits for its neighbour first") {
  EngineUnderTest test;
  test.tables.allow();
  test.tables.hop(4).mtu = 600;
  test.pass(Eth{} / Ipv4{.dst = "198.51.100.9"} / Udp{} / Payload(1400));
  CHECK(test.engine->held() == 1);
  test.resolve(4);
  test.turn();
  CHECK(test.io.sent_frames.size() == 3);
  CHECK(test.adds_up());
}

TEST_CASE("what the kernel loses at the sockets is counted within a second, each loss once") {
  EngineUnderTest test;
  test.turn();
  test.io.losses = {.socket_full = 3, .frame_too_long = 2, .egress_refused = 1};
  test.later(test.clock.per_second());
  for (int i = 0; i < 3; ++i) test.turn();
  CHECK(test.drops(DP_SOCKET_FULL) == 3);
  CHECK(test.drops(DP_FRAME_TOO_LONG) == 2);
  CHECK(test.drops(DP_EGRESS_REFUSED) == 1);
  CHECK(test.all_drops() == 6);
}
