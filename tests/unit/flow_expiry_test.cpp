// flow_expiry_test.cpp - which pairs are deleted and when, pass by pass, over a flow table at rest.
#include "flows/expiry.hpp"

#include "common/target.h"

#include <doctest/doctest.h>

#include "differential/random.hpp"
#include "harness/flow_steps.hpp"

using namespace twinpath;
using namespace twinpath::test;

#define FOR_EACH_FAMILY \
  for (const auto& [name, family] : kFamilies) SUBCASE(name)

namespace {

constexpr std::uint32_t kStamp = 0x00010001;

void flag_done(FlowTable& table, std::uint32_t number, bool reverse) {
  const dp_flow_view view = find(table, number, reverse);
  dp_flow_change_flags(table.env(), table.family(), view.slot, view.control, DP_FLOW_DONE, 0);
}

// Closed by FINs, as dp_commit_fins does it. By a RST: the state alone.
void finish(FlowTable& table, std::uint32_t number) {
  for (const bool reverse : {false, true}) flag_done(table, number, reverse);
  set_state(table, number, DP_FLOW_CLOSING);
}

// One thing that can happen to a flow between two passes; the same for the same seed and table.
void disturb(FlowTable& table, std::uint64_t seed, std::uint32_t flows, std::uint32_t now) {
  Random random{seed};
  const std::uint32_t number = random.below(flows);
  const bool reverse = random.percent(50);
  if (!table.has(number)) {
    table.install(number, now);
    return;
  }
  switch (random.below(4)) {
    case 0: set_state(table, number, random.percent(70) ? DP_FLOW_ASSURED : DP_FLOW_CLOSING); break;
    case 1: finish(table, number); break;
    default: break;
  }
  packet(table, number, reverse, now);
}

bool same(const ExpiryCounts& a, const ExpiryCounts& b) {
  return a.live == b.live && a.half_open == b.half_open && a.assured == b.assured && a.closing == b.closing &&
         a.expired == b.expired;
}

}  // namespace

TEST_CASE("expiry deletes a pair at its timeout and not a tick before") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    FlowExpiry expiry;
    table.install(1, 100);  // half-open: tcp_syn is 10
    table.install(2, 100);
    set_state(table, 2, DP_FLOW_ASSURED);  // 1000
    table.install(3, 100);
    finish(table, 3);  // 20
    ExpiryCounts counts = expiry.pass(table.view(), 109, table.timeouts(), kStamp);
    CHECK(counts.live == 3);
    CHECK(counts.half_open == 1);
    CHECK(counts.assured == 1);
    CHECK(counts.closing == 1);
    CHECK(counts.expired == 0);
    counts = expiry.pass(table.view(), 110, table.timeouts(), kStamp);
    CHECK(counts.expired == 1);
    CHECK(counts.live == 2);
    CHECK_FALSE(table.has(1));
    counts = expiry.pass(table.view(), 1099, table.timeouts(), kStamp);
    CHECK(counts.expired == 1);
    CHECK(counts.assured == 1);
    counts = expiry.pass(table.view(), 1100, table.timeouts(), kStamp);
    CHECK(counts.expired == 1);
    CHECK(table.used() == 0);
  }
}

TEST_CASE("a packet of either direction renews the pair") {
  FOR_EACH_FAMILY {
    for (const bool reverse : {false, true}) {
      FlowTable table{family};
      FlowExpiry expiry;
      table.install(1, 100);
      packet(table, 1, reverse, 108);
      CHECK(expiry.pass(table.view(), 112, table.timeouts(), kStamp).expired == 0);
      CHECK(expiry.pass(table.view(), 118, table.timeouts(), kStamp).expired == 1);
    }
  }
}

TEST_CASE("flags of both halves decide the timeout") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    FlowExpiry expiry;
    table.install(1, 100);
    table.install(2, 100);
    table.install(3, 100);
    finish(table, 1);                      // 20
    set_state(table, 2, DP_FLOW_CLOSING);  // 5
    flag_done(table, 3, true);
    set_state(table, 3, DP_FLOW_CLOSING);  // 5
    CHECK(expiry.pass(table.view(), 104, table.timeouts(), kStamp).expired == 0);
    CHECK(expiry.pass(table.view(), 105, table.timeouts(), kStamp).expired == 2);
    CHECK(expiry.pass(table.view(), 119, table.timeouts(), kStamp).expired == 0);
    CHECK(expiry.pass(table.view(), 120, table.timeouts(), kStamp).expired == 1);
  }
}

TEST_CASE("a clock one tick behind the last packet expires nothing, and idle time wraps") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    FlowExpiry expiry;
    table.install(1, 0xfffffffa);
    CHECK(expiry.pass(table.view(), 0xfffffff9, table.timeouts(), kStamp).expired == 0);
    CHECK(expiry.pass(table.view(), 3, table.timeouts(), kStamp).expired == 0);
    CHECK(expiry.pass(table.view(), 4, table.timeouts(), kStamp).expired == 1);
  }
}

TEST_CASE("stamps more than 2^14 generations or epochs behind become 0, others stay") {
  const struct {
    std::uint32_t stamp, current;
    bool kept;
  } cases[] = {
      {0x00010001, 0x00010001, true},  {0x00010001, 0x40010001, true},  {0x00010001, 0x40020001, false},
      {0x00010001, 0x00014001, true},  {0x00010001, 0x00014002, false}, {0xfff00001, 0x3ff00001, true},
      {0xfff00001, 0x3ff10001, false}, {0x0001ffff, 0x00010001, true},
  };
  FOR_EACH_FAMILY {
    for (const auto& c : cases) {
      FlowTable table{family};
      FlowExpiry expiry;
      dp_flow_half forward = flow_half(family, 1, false), reverse = flow_half(family, 1, true);
      forward.stamp = reverse.stamp = c.stamp;
      table.install(forward, reverse, 100);
      expiry.pass(table.view(), 101, table.timeouts(), c.current);
      CHECK(find(table, 1).stamp == (c.kept ? c.stamp : 0));
      CHECK(find(table, 1, true).stamp == (c.kept ? c.stamp : 0));
    }
  }
}

TEST_CASE("a bucket that was looked at is looked at again in time, whatever happens in it meanwhile") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    FlowExpiry expiry;
    table.install(1, 100);
    set_state(table, 1, DP_FLOW_ASSURED);  // 1000
    CHECK(expiry.pass(table.view(), 100, table.timeouts(), kStamp).assured == 1);
    SUBCASE("nothing") { CHECK(expiry.pass(table.view(), 1099, table.timeouts(), kStamp).assured == 1); }
    SUBCASE("a reset, which sets the shortest timeout") {
      set_state(table, 1, DP_FLOW_CLOSING);
      packet(table, 1, false, 101);
      CHECK(expiry.pass(table.view(), 105, table.timeouts(), kStamp).expired == 0);
      CHECK(expiry.pass(table.view(), 106, table.timeouts(), kStamp).expired == 1);
    }
    SUBCASE("another state") {
      finish(table, 1);  // 20
      CHECK(expiry.pass(table.view(), 101, table.timeouts(), kStamp).closing == 1);
      CHECK(expiry.pass(table.view(), 120, table.timeouts(), kStamp).expired == 1);
    }
    SUBCASE("a packet just before its end") {
      packet(table, 1, true, 1099);
      CHECK(expiry.pass(table.view(), 1100, table.timeouts(), kStamp).assured == 1);
      CHECK(expiry.pass(table.view(), 2098, table.timeouts(), kStamp).assured == 1);
      CHECK(expiry.pass(table.view(), 2099, table.timeouts(), kStamp).expired == 1);
    }
    SUBCASE("other timeouts") {
      dp_timeouts shorter = table.timeouts();
      shorter.tcp_established = 3;
      CHECK(expiry.pass(table.view(), 103, shorter, kStamp).expired == 1);
    }
  }
}

TEST_CASE("a stamp never grows so old that it looks current, however rarely its bucket is looked at") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    FlowExpiry expiry;
    dp_flow_half forward = flow_half(family, 1, false), reverse = flow_half(family, 1, true);
    forward.stamp = reverse.stamp = kStamp;
    table.install(forward, reverse, 100);
    for (std::uint32_t epoch = 1; epoch <= 0xffff; epoch += 100)  // all within one tick: no timeout comes near
      expiry.pass(table.view(), 100, table.timeouts(), 0x00010000 | epoch);
    CHECK(find(table, 1).stamp == 0);
    CHECK(find(table, 1, true).stamp == 0);
  }
}

TEST_CASE("of a large table half is read at a time, all of it once much has changed, and nothing is late") {
  constexpr std::uint32_t kBuckets = 2 * 65536;
  FlowTable table{DP_FAMILY_V4, kBuckets};
  FlowExpiry expiry;
  const auto pass = [&](std::uint32_t now) { return expiry.pass(table.view(), now, table.timeouts(), kStamp); };
  pass(99);
  std::uint32_t number = 0;
  for (; table.install(number, 100) == DP_INSTALL_OK; ++number)  // until one lies in the half that has its turn later
    if (find(table, number).slot / DP_FLOW_LANES >= kBuckets / 2) break;
  CHECK(pass(100).live == number);
  CHECK(pass(101).live == number + 1);
  SUBCASE("nothing is late") {
    for (std::uint32_t now = 102; now < 110; ++now) CHECK(pass(now).live == number + 1);
    CHECK(pass(110).expired == number + 1);
  }
  SUBCASE("much has changed") {
    for (std::uint32_t more = 1000; more < 6000; ++more) REQUIRE(table.install(more, 102) == DP_INSTALL_OK);
    CHECK(pass(102).live == number + 1 + 5000);
  }
}

TEST_CASE(
    "remembering buckets changes nothing: a twin that looks at all of them lets the same pairs go at the same time") {
  constexpr std::uint32_t kFlows = 150;
  FOR_EACH_FAMILY {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      FlowTable table{family};
      FlowTable twin{family};
      Random random{seed};
      FlowExpiry expiry;
      for (std::uint32_t now = 100; now < 1500; now += random.between(1, 3)) {
        for (std::uint32_t events = random.below(4); events > 0; --events) {
          const std::uint64_t event = random.word();
          for (FlowTable* either : {&table, &twin}) disturb(*either, event, kFlows, now);
        }
        const ExpiryCounts counts = expiry.pass(table.view(), now, table.timeouts(), kStamp);
        REQUIRE(same(counts, FlowExpiry{}.pass(twin.view(), now, twin.timeouts(), kStamp)));
      }
    }
  }
}
