// hit_test.cpp - the plain hit (common/decide/hit.h) where the differential test does not look: what it reads of an entry,
// and each condition by itself. What it writes is compared with dp_forward there.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "harness/gateway_tables.hpp"
// behind the lookups it calls
#include "common/decide/hit.h"
#include "common/edit/translate.h"

using namespace twinpath;
using namespace twinpath::test;

namespace {

const Bytes kUdp4 = (Eth{} / Ipv4{.dst = "203.0.113.1"} / Udp{.sport = 1000} / Payload(8)).bytes();
const Bytes kUdp6 = (Eth{} / Ipv6{.dst = "2001:db8:2::1"} / Udp{.sport = 1000} / Payload(8)).bytes();
const Bytes kAck4 = (Eth{} / Ipv4{.dst = "203.0.113.1"} / Tcp{.sport = 1000, .flags = 0x10} / Payload(8)).bytes();
const Bytes kAck6 = (Eth{} / Ipv6{.dst = "2001:db8:2::1"} / Tcp{.sport = 1000, .flags = 0x10} / Payload(8)).bytes();

// A gateway that has decided the flow of one frame.
struct Decided : GatewayTables {
  explicit Decided(const Bytes& first) : frame(first) {
    allow();
    settings.pickup = DP_PICKUP_LOOSE;
    REQUIRE(decide(frame, kLan) == DP_NONE);
    REQUIRE(find(frame, kLan, view));
    if (last.packet.protocol == DP_PROTOCOL_TCP) dp_flow_set_state(&env, last.packet.family, &view, DP_FLOW_ASSURED);
  }
  dp_hit_verdict hit() {
    return dp_hit(&env, &settings, frame.data(), frame.data() + frame.size(), static_cast<__u32>(frame.size()),
                  &port(kLan), kLan, &found);
  }
  void set_flag(__u32 flag) { dp_flow_change_flags(&env, last.packet.family, view.slot, view.control, flag, 0); }

  Bytes frame;
  dp_flow_view view{};
  struct dp_hit found {};
};

#define FOR_EACH_FRAME                                                                                            \
  for (const auto& [name, first] : {std::pair{"UDP4", kUdp4}, {"UDP6", kUdp6}, {"TCP4", kAck4}, {"TCP6", kAck6}}) \
  SUBCASE(name)

}  // namespace

TEST_CASE("a packet of a decided flow is a plain hit, by the next hop of its route") {
  FOR_EACH_FRAME {
    Decided gateway{first};
    CHECK(gateway.hit() == DP_HIT_FORWARD);
    CHECK(gateway.found.egress == kWan);
    CHECK(gateway.found.slot == gateway.view.slot);
  }
}

TEST_CASE("what changes anything is no plain hit") {
  struct Case {
    const char* name;
    std::function<void(Decided&)> change;
    dp_hit_verdict wanted;
  };
  const Case cases[] = {
      {"place: user", [](Decided& gateway) { gateway.set_flag(DP_FLOW_USER); }, DP_HIT_USER},
      {"held", [](Decided& gateway) { gateway.set_flag(DP_FLOW_HELD); }, DP_HIT_FOUND},
      {"held, place: user", [](Decided& gateway) { gateway.set_flag(DP_FLOW_HELD | DP_FLOW_USER); }, DP_HIT_FOUND},
      {"stale", [](Decided& gateway) { gateway.settings.stamp++; }, DP_HIT_FOUND},
      {"tagged next hop", [](Decided& gateway) { gateway.hop(gateway.view.next_hop).vlan = 5; }, DP_HIT_FOUND},
      {"down", [](Decided& gateway) { gateway.hop(gateway.view.next_hop).flags = DP_NEXT_HOP_RESOLVED; }, DP_HIT_FOUND},
      {"beyond the MTU", [](Decided& gateway) { gateway.hop(gateway.view.next_hop).mtu = 30; }, DP_HIT_FOUND},
      {"other zone", [](Decided& gateway) { gateway.port(kLan).zone = kOutside; }, DP_HIT_ABSENT},
      {"other port", [](Decided& gateway) { gateway.frame[gateway.last.packet.l4_offset] ^= 1; }, DP_HIT_ABSENT},
      {"no port", [](Decided& gateway) { std::fill_n(&gateway.frame[gateway.last.packet.l4_offset], 2, 0); },
       DP_HIT_ODD},
      {"other station", [](Decided& gateway) { gateway.frame[5] ^= 1; }, DP_HIT_ODD},
      {"cut", [](Decided& gateway) { gateway.frame.resize(gateway.last.packet.l4_offset + 7u); }, DP_HIT_ODD},
      {"deleted", [](Decided& gateway) { dp_flow_delete(&gateway.env, gateway.last.packet.family, &gateway.view); },
       DP_HIT_ABSENT},
  };
  FOR_EACH_FRAME {
    for (const Case& each : cases) {
      CAPTURE(each.name);
      Decided gateway{first};
      each.change(gateway);
      CHECK(gateway.hit() == each.wanted);
    }
  }
}

TEST_CASE("TCP before it is assured and UDP that was answered are no plain hits") {
  Decided tcp{kAck4};
  struct dp_flow_entry4* entry = dp_flow_entry4(&tcp.env, tcp.view.slot);
  *dp_flow_control4(&tcp.env, tcp.view.slot) = tcp.view.control;  // half-open
  CHECK(entry->key.protocol == DP_PROTOCOL_TCP);
  CHECK(tcp.hit() == DP_HIT_FOUND);
  Decided udp{kUdp4};
  udp.set_flag(DP_FLOW_ANSWERED);
  CHECK(udp.hit() == DP_HIT_FOUND);
}

TEST_CASE("a plain hit of IPv6 without translation reads and writes the first line of its entry alone") {
  for (const bool rewrite : {false, true}) {
    CAPTURE(rewrite);
    Decided gateway{kUdp6};
    if (rewrite) gateway.set_flag(DP_FLOW_REWRITE);
    struct dp_flow_entry6* entry = dp_flow_entry6(&gateway.env, gateway.view.slot);
    auto* second_line = reinterpret_cast<unsigned char*>(entry) + 64;
    std::fill_n(second_line, 64, 0xee);
    REQUIRE(gateway.hit() == DP_HIT_FORWARD);
    dp_hit_count(&gateway.env, &gateway.found, 60, gateway.now);
    CHECK(gateway.found.route == dp_flow_route_word(gateway.view.stamp, gateway.view.next_hop, gateway.view.port));
    CHECK(gateway.found.new_addresses[0] == (rewrite ? 0xeeeeeeeeeeeeeeee : 0));
    CHECK(gateway.found.new_ports == (rewrite ? 0xeeeeeeee : 0));
    CHECK(std::all_of(second_line, second_line + 64, [](unsigned char byte) { return byte == 0xee; }));
  }
}
