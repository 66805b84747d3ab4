// flow_control_test.cpp - the rules over words already read: duplicates, timeouts, free ways, and what a key hashes to.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "harness/flow_env.hpp"

using namespace twinpath::test;

TEST_CASE("what a duplicate means follows from its state, its forward's and the order of slots") {
  const std::uint32_t own = 100;
  const struct {
    const char* name;
    std::uint32_t control, forward, slot;
    dp_flow_duplicate want;
  } cases[] = {
      {"live forward", DP_FLOW_HALF_OPEN, DP_FLOW_HALF_OPEN, 200, DP_DUPLICATE_WINS},
      {"reverse of an assured pair", DP_FLOW_HALF_OPEN, DP_FLOW_ASSURED, 200, DP_DUPLICATE_WINS},
      {"assured reverse of a dying forward", DP_FLOW_ASSURED, DP_FLOW_DYING, 200, DP_DUPLICATE_WINS},
      {"closing reverse whose forward is gone", DP_FLOW_CLOSING, DP_FLOW_EMPTY, 200, DP_DUPLICATE_WINS},
      {"pending at a lower slot", DP_FLOW_PENDING, DP_FLOW_PENDING, 99, DP_DUPLICATE_WINS},
      {"pending at a higher slot", DP_FLOW_PENDING, DP_FLOW_PENDING, 101, DP_DUPLICATE_LOSES},
      {"reverse of a pending forward at a higher slot", DP_FLOW_HALF_OPEN, DP_FLOW_PENDING, 101, DP_DUPLICATE_LOSES},
      {"reverse of a claimed forward", DP_FLOW_HALF_OPEN, DP_FLOW_CLAIMED, 99, DP_DUPLICATE_NONE},
      {"reverse of a dying forward", DP_FLOW_HALF_OPEN, DP_FLOW_DYING, 99, DP_DUPLICATE_NONE},
      {"reverse whose forward is gone", DP_FLOW_HALF_OPEN, DP_FLOW_EMPTY, 99, DP_DUPLICATE_NONE},
      {"own other half", DP_FLOW_HALF_OPEN, DP_FLOW_PENDING, 100, DP_DUPLICATE_NONE},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(dp_flow_judge_duplicate(c.control, c.forward, c.slot, own) == c.want);
  }
}

TEST_CASE("timeouts follow protocol, state and flags of both halves") {
  const dp_timeouts t{10, 1000, 20, 5, 30, 100, 15, 40};
  const struct {
    std::uint8_t protocol;
    std::uint32_t state, forward, reverse, want;
  } cases[] = {
      {6, DP_FLOW_HALF_OPEN, 0, 0, t.tcp_syn},
      {6, DP_FLOW_ASSURED, 0, 0, t.tcp_established},
      {6, DP_FLOW_ASSURED, DP_FLOW_FIN, 0, t.tcp_established},
      {6, DP_FLOW_ASSURED, DP_FLOW_FIN, DP_FLOW_FIN, t.tcp_established},
      {6, DP_FLOW_CLOSING, 0, 0, t.tcp_reset},
      {6, DP_FLOW_CLOSING, DP_FLOW_FIN, DP_FLOW_FIN, t.tcp_reset},
      {6, DP_FLOW_CLOSING, DP_FLOW_DONE, 0, t.tcp_reset},
      {6, DP_FLOW_CLOSING, DP_FLOW_DONE, DP_FLOW_DONE, t.tcp_closing},
      {17, DP_FLOW_HALF_OPEN, 0, 0, t.udp},
      {17, DP_FLOW_ASSURED, 0, 0, t.udp_stream},
      {1, DP_FLOW_HALF_OPEN, 0, 0, t.icmp},
      {58, DP_FLOW_HALF_OPEN, 0, 0, t.icmp},
      {47, DP_FLOW_HALF_OPEN, 0, 0, t.other},
  };
  for (const auto& c : cases) {
    CHECK(dp_flow_timeout(&t, c.protocol, c.state, c.forward, c.reverse) == c.want);
    CHECK(dp_flow_timeout_least(&t, c.protocol, c.state) <= c.want);
  }
}

TEST_CASE("the least of the timeouts is one that some flags of a pair in that state lead to") {
  constexpr std::uint32_t kFlags[] = {0, DP_FLOW_FIN, DP_FLOW_DONE, DP_FLOW_DONE | DP_FLOW_FIN};
  for (const std::uint32_t shortest : {5u, 200u, 2000u}) {  // of a RST, before and behind the others
    const dp_timeouts t{10, 1000, 20, shortest, 30, 100, 15, 40};
    for (const int protocol : {1, 6, 17, 47})
      for (const int state : {DP_FLOW_HALF_OPEN, DP_FLOW_ASSURED, DP_FLOW_CLOSING}) {
        std::uint32_t least = UINT32_MAX;
        for (const std::uint32_t forward : kFlags)
          for (const std::uint32_t reverse : kFlags)
            least = std::min(least, dp_flow_timeout(&t, protocol, state, forward, reverse));
        CHECK(dp_flow_timeout_least(&t, protocol, state) == least);
      }
  }
}

TEST_CASE("idle time wraps with the clock, and a clock a tick ahead is no idle time") {
  CHECK(dp_flow_idle(105, 100) == 5);
  CHECK(dp_flow_idle(3, 0xfffffffe) == 5);
  CHECK(dp_flow_idle(100, 101) == 0);
}

TEST_CASE("the branch-free match and the bit counts agree with loops for every set of eight ways") {
  for (std::uint32_t bits = 0; bits < 256; ++bits) {
    std::uint32_t control[DP_FLOW_WAYS];
    std::uint32_t ways = 0, lowest = 0;
    for (std::uint32_t way = DP_FLOW_WAYS; way-- > 0;) {
      const bool set = (bits >> way & 1) != 0;
      control[way] = set ? 0xffff8000u | DP_FLOW_DYING : std::uint32_t{DP_FLOW_HALF_OPEN};
      ways += set;
      if (set) lowest = way;
    }
    CHECK(dp_flow_match(control, DP_FLOW_DYING, DP_FLOW_STATE_MASK) == bits);
    CHECK(dp_flow_ways_in(bits) == ways);
    if (bits == 0) continue;
    CHECK(dp_flow_lowest_way(bits) == lowest);
    for (std::uint32_t home = 0; home < DP_FLOW_WAYS; ++home)
      CHECK(dp_flow_free_way(bits, home) == ((bits >> home & 1) != 0 ? home : lowest));
  }
}

TEST_CASE("flows whose ends differ by the same amount in opposite directions do not share a hash") {
  constexpr std::uint32_t kFlows = 100000;
  std::set<std::uint64_t> hashes;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    dp_flow_key4 key{};
    key.source = htonl(0x0a000000 + i / 1000);
    key.destination = htonl(0x0b000000 - i / 1000);
    key.source_port = htons(static_cast<std::uint16_t>(1000 + i % 1000));
    key.destination_port = htons(static_cast<std::uint16_t>(9000 - i % 1000));
    key.protocol = 17;
    hashes.insert(dp_flow_hash4(&key, FlowTable::kSeed) & ~DP_FLOW_SIDE);
  }
  CHECK(hashes.size() == kFlows);
}

TEST_CASE("a heartbeat is stale beyond its limit, and one that is a little ahead of the kernel's tick is not") {
  dp_settings settings{};
  settings.heartbeat_limit = 500;
  for (const std::uint32_t beat : {1'000'000U, 3U, UINT32_MAX}) {
    settings.heartbeat = beat;
    CHECK_FALSE(dp_heartbeat_stale(&settings, beat));
    CHECK_FALSE(dp_heartbeat_stale(&settings, beat + 500));
    CHECK(dp_heartbeat_stale(&settings, beat + 501));
    CHECK_FALSE(dp_heartbeat_stale(&settings, beat - 1));
    CHECK_FALSE(dp_heartbeat_stale(&settings, beat - DP_TICKS_AHEAD));
    CHECK(dp_heartbeat_stale(&settings, beat - DP_TICKS_AHEAD - 1));
    CHECK(dp_heartbeat_stale(&settings, beat + (1U << 31)));  // dead for 24 days at 1,000 ticks a second
  }
  CHECK_FALSE(dp_heartbeat_stale(nullptr, 0));
}
