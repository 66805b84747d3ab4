// decide_order_test.cpp - where translation is asked in a decision (common/decide/translation.h), with answers of the test's
// own in its place.

#include "common/target.h"

#include <doctest/doctest.h>

#include "engine/env.hpp"

#define dp_address_claimed never_claimed
#define dp_translate_destination no_destination
#define dp_translate_source no_source
#include "common/decide/translation.h"
#undef dp_address_claimed
#undef dp_translate_destination
#undef dp_translate_source

namespace {

struct Translation {
  bool claimed = false;
  int destination = DP_NONE;  // what is answered
  int source = DP_NONE;
  dp_address new_source{};  // when not all zero
  int destinations_asked = 0;
  int sources_asked = 0;
} translation;

int dp_address_claimed(dp_env*, const dp_context*) { return translation.claimed ? 1 : 0; }
int dp_translate_destination(dp_env*, dp_context*) {
  ++translation.destinations_asked;
  return translation.destination;
}
int dp_translate_source(dp_env*, dp_context* ctx, const dp_port*) {
  ++translation.sources_asked;
  if (translation.new_source.word[0] != 0) ctx->forward.new_source = translation.new_source;
  return translation.source;
}

}  // namespace

// behind what it is to call
#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

struct OwnAddress : GatewayTables {
  OwnAddress() {
    translation = {};
    set_rules(kInside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
  }
  int say(const Packet& packet) { return decide(packet.bytes(), kLan); }
};

const Ipv4 kToUs{.dst = "192.0.2.254"};
Packet error_to_us() { return Eth{} / kToUs / Icmp{.type = 3, .code = 1} / Payload(28); }
Packet fragment_to_us() { return Eth{} / Ipv4{.dst = "192.0.2.254", .mf = true} / Udp{} / Payload(800); }
Packet later_fragment_to_us() {
  return Eth{} / Ipv4{.dst = "192.0.2.254", .offset = 100, .protocol = 17} / Payload(80);
}

}  // namespace

TEST_CASE("fragments and ICMP errors to an own address that nothing claims are the host's") {
  OwnAddress tables;
  CHECK(tables.say(fragment_to_us()) == DP_PASS_HOST);
  CHECK(tables.say(later_fragment_to_us()) == DP_PASS_HOST);
  CHECK(tables.say(error_to_us()) == DP_PASS_HOST);
}

TEST_CASE("fragments and ICMP errors to an own address that is claimed are looked up as parts of flows first") {
  OwnAddress tables;
  translation.claimed = true;
  CHECK(tables.say(fragment_to_us()) == DP_STEER_FRAGMENT);
  CHECK(tables.say(later_fragment_to_us()) == DP_STEER_FRAGMENT);
  CHECK(tables.say(error_to_us()) == DP_STEER_ICMP_ERROR);
  CHECK(translation.destinations_asked == 0);
  CHECK(tables.say(Eth{} / Ipv4{.src = "127.0.0.1", .dst = "192.0.2.254", .mf = true} / Udp{} / Payload(800)) ==
        DP_MARTIAN_SOURCE);
}

TEST_CASE("a whole packet to an own address that is claimed and begins no flow is the host's") {
  OwnAddress tables;
  translation.claimed = true;
  CHECK(tables.say(Eth{} / kToUs / Udp{}) == DP_PASS_HOST);
}

TEST_CASE("the destination is translated before the route is asked, and once per flow") {
  OwnAddress tables;
  tables.allow();
  translation.destination = DP_RULE;
  CHECK(tables.say(Eth{} / Ipv4{.dst = "10.9.9.9"} / Udp{}) == DP_RULE);
  CHECK(tables.say(Eth{} / Ipv4{.dst = "127.0.0.1"} / Udp{}) == DP_MARTIAN_DESTINATION);
  translation = {};
  REQUIRE(tables.say(Eth{} / Ipv4{} / Udp{}) == DP_NONE);
  CHECK(translation.destinations_asked == 1);
  REQUIRE(tables.say(Eth{} / Ipv4{} / Udp{}) == DP_NONE);
  CHECK(translation.destinations_asked == 1);
}

TEST_CASE("the source is translated behind the rules and before the next hop") {
  OwnAddress tables;
  CHECK(tables.say(Eth{} / Ipv4{} / Udp{}) == DP_ZONE_DEFAULT);
  CHECK(translation.sources_asked == 0);
  tables.allow();
  translation.source = DP_TABLE_FULL;
  CHECK(tables.say(Eth{} / Ipv4{.dst = "198.51.100.77"} / Udp{}) == DP_TABLE_FULL);
  CHECK(tables.slots_in_use() == 0);
}

TEST_CASE("the reverse half is made from the translated forward one") {
  OwnAddress tables;
  tables.allow();
  translation.new_source = address("198.51.100.254");
  REQUIRE(tables.say(Eth{} / Ipv4{} / Udp{}) == DP_NONE);
  CHECK(dp_address_equal(&tables.last.reverse.destination, &translation.new_source) != 0);
  const dp_address client = address("192.0.2.1");
  CHECK(dp_address_equal(&tables.last.reverse.new_destination, &client) != 0);
}
