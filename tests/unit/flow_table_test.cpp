// flow_table_test.cpp - the flow table's verbs, one at a time and without duplicates. Races: tests/model.

#include <functional>

#include "common/target.h"

// The moment between copying an entry and looking at its control word again.
static std::function<void()> between_copy_and_check;
#undef DP_COMPILER_BARRIER
#define DP_COMPILER_BARRIER()                                              \
  do {                                                                     \
    if (const auto now = std::exchange(between_copy_and_check, {})) now(); \
  } while (0)

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "flows/listing.hpp"
#include "harness/flow_env.hpp"

using namespace twinpath::test;

#define FOR_EACH_FAMILY \
  for (const auto& [name, family] : kFamilies) SUBCASE(name)

TEST_CASE("both directions of an installed pair are found, whole and with zeroed counters") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    REQUIRE(table.install(7) == DP_INSTALL_OK);
    dp_flow_view forward, reverse;
    REQUIRE(table.find(7, false, forward));
    REQUIRE(table.find(7, true, reverse));
    CHECK(flow_is_whole(flow_half(family, 7, false), forward));
    CHECK(flow_is_whole(flow_half(family, 7, true), reverse));
    CHECK(forward.slot == table.last().slot);
    CHECK(forward.control == table.last().control);
    CHECK(forward.partner == reverse.slot);
    CHECK(reverse.partner == forward.slot);
    CHECK((forward.link & DP_FLOW_FORWARD) != 0);
    CHECK((reverse.link & DP_FLOW_FORWARD) == 0);
    CHECK(dp_flow_same_version(forward.link, reverse.control));
    CHECK(dp_flow_same_version(reverse.link, forward.control));
    CHECK(forward.stamp == 0x00010001);
    CHECK_FALSE(table.has(8));
  }
}

TEST_CASE("keys that differ in any one field are different flows") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    dp_flow_view view;
    const dp_flow_half half = flow_half(family, 7, false);
    const std::function<void(dp_flow_half&)> changes[] = {[](auto& h) { h.source.word[0] ^= 1; },
                                                          [](auto& h) { h.destination.word[0] ^= 1; },
                                                          [](auto& h) { h.source_port ^= 1; },
                                                          [](auto& h) { h.destination_port ^= 1; },
                                                          [](auto& h) { h.protocol = 17; },
                                                          [](auto& h) { h.zone = 3; },
                                                          [](auto& h) { std::swap(h.source, h.destination); }};
    for (const auto& change : changes) {
      dp_flow_half other = half;
      change(other);
      CHECK_FALSE(table.find(other, view));
    }
    CHECK(table.find(half, view));
  }
}

TEST_CASE("every word of an IPv6 address counts, and delta counts in neither family") {
  FlowTable table{DP_FAMILY_V6};
  table.install(7);
  dp_flow_view view;
  for (int i = 0; i < 4; ++i) {
    dp_flow_half other = flow_half(DP_FAMILY_V6, 7, false);
    other.source.word[i] ^= htonl(1);
    CHECK_FALSE(table.find(other, view));
    other.source.word[i] ^= htonl(1);
    other.destination.word[i] ^= htonl(1);
    CHECK_FALSE(table.find(other, view));
  }
  dp_flow_key4 key4{1, 2, 3, 4, 6, 2, 0}, same4{1, 2, 3, 4, 6, 2, 0xffff};
  CHECK(dp_flow_hash4(&key4, 99) == dp_flow_hash4(&same4, 99));
  CHECK(dp_flow_hash4(&key4, 99) != dp_flow_hash4(&key4, 98));
}

TEST_CASE("a pair whose keys are taken is refused, told by which key, and leaves no trace") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    CHECK(table.install(7) == DP_INSTALL_EXISTS_FORWARD);
    dp_flow_half other_client = flow_half(family, 9, false);
    CHECK(table.install(other_client, flow_half(family, 7, true)) == DP_INSTALL_EXISTS_REVERSE);
    CHECK(table.install(flow_half(family, 7, false), flow_half(family, 9, true)) == DP_INSTALL_EXISTS_FORWARD);
    CHECK(table.install(flow_half(family, 7, true), flow_half(family, 7, false)) == DP_INSTALL_EXISTS_FORWARD);
    CHECK(table.install(other_client, flow_half(family, 7, false)) == DP_INSTALL_EXISTS_REVERSE);
    CHECK(table.used() == 2);
    CHECK(table.has(7));
    CHECK_FALSE(table.has(9));
  }
}

TEST_CASE("a pair that another writer kills during its search says so, and leaves no trace") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    dp_flow_view former;
    table.install(7);
    REQUIRE(table.find(7, false, former));
    table.control(former.slot) = dp_flow_with_state(former.control, DP_FLOW_DYING);
    // the search finds the reverse half of the pair that is being deleted: by then the new one is pending
    between_copy_and_check = [&] {
      for (std::uint32_t slot = 0; slot < table.view().slot_count(); ++slot)
        if (dp_flow_state_of(table.control(slot)) == DP_FLOW_PENDING)
          table.control(slot) = dp_flow_with_state(table.control(slot), DP_FLOW_DYING);
    };
    CHECK(table.install(7) == DP_INSTALL_KILLED);
    CHECK(table.used() == 2);
  }
}

TEST_CASE("a pair whose two keys are equal is installed and deleted like any other") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    const dp_flow_half half = flow_half(family, 7, false);
    dp_flow_view view;
    REQUIRE(table.install(half, half) == DP_INSTALL_OK);
    REQUIRE(table.find(half, view));
    CHECK(dp_flow_delete(table.env(), family, &view) == 1);
    CHECK(table.used() == 0);
  }
}

TEST_CASE("deleting by either half removes both, once, and raises both versions") {
  FOR_EACH_FAMILY {
    for (const bool by_reverse : {false, true}) {
      FlowTable table{family};
      table.install(7);
      dp_flow_view view;
      REQUIRE(table.find(7, by_reverse, view));
      CHECK(dp_flow_delete(table.env(), family, &view) == 1);
      CHECK(dp_flow_delete(table.env(), family, &view) == 0);
      CHECK_FALSE(table.has(7, false));
      CHECK_FALSE(table.has(7, true));
      CHECK(table.control(view.slot) == (view.control & DP_FLOW_VERSION_MASK) + DP_FLOW_VERSION_ONE);
      CHECK(table.control(view.partner) == (view.link & DP_FLOW_VERSION_MASK) + DP_FLOW_VERSION_ONE);
      CHECK(table.install(7) == DP_INSTALL_OK);
      CHECK(dp_flow_delete(table.env(), family, &view) == 0);
      CHECK(table.has(7));
    }
  }
}

// Eight pairs fill the one bucket that a table of one bucket has.
static void fill(FlowTable& table, std::uint32_t now = 100) {
  for (std::uint32_t number = 0; number < 8; ++number) REQUIRE(table.install(number, now + number) == DP_INSTALL_OK);
}

static void assure(FlowTable& table, std::uint32_t number) {
  dp_flow_view view;
  REQUIRE(table.find(number, false, view));
  REQUIRE(dp_flow_set_state(table.env(), table.family(), &view, DP_FLOW_ASSURED) == 1);
}

TEST_CASE("a full table says so, and keeps what it has") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    fill(table);
    CHECK(table.install(50, 200) == DP_INSTALL_FULL);
    CHECK(table.used() == 16);
    for (std::uint32_t number = 0; number < 8; ++number) CHECK(table.has(number));
  }
}

TEST_CASE("a reverse half that fits while its forward half does not is released") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    fill(table);
    table.control(3) = 5u << DP_FLOW_VERSION_SHIFT;
    // the one free way is a candidate for some reverse halves and not for others
    for (std::uint32_t number = 50; number < 80; ++number) {
      CHECK(table.install(number, 200) == DP_INSTALL_FULL);
      CHECK(dp_flow_state_of(table.control(3)) == DP_FLOW_EMPTY);
    }
    const std::uint32_t version = table.control(3) >> DP_FLOW_VERSION_SHIFT;
    CHECK(version > 5);
    CHECK(table.used() == 15);
  }
}

TEST_CASE("half-open pairs make room, oldest first") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    fill(table);
    // two candidate sets: the oldest of a set is among the two oldest halves' pairs of the bucket
    REQUIRE(table.install(50, 200, true) == DP_INSTALL_OK);
    CHECK(table.has(50));
    CHECK(table.has(50, true));
    int gone = 0;
    for (std::uint32_t number = 0; number < 8; ++number) {
      CHECK(table.has(number, false) == table.has(number, true));
      if (!table.has(number)) {
        ++gone;
        CHECK(number < 4);
      }
    }
    CHECK(gone >= 1);
    CHECK(gone <= 2);
  }
}

TEST_CASE("in a crowded table a new flow takes the place of one half-open one though ways are free") {
  FlowTable table{DP_FAMILY_V4, 1};
  for (std::uint32_t number = 0; number < 4; ++number) REQUIRE(table.install(number) == DP_INSTALL_OK);
  REQUIRE(table.used() == 8);
  const dp_flow_half forward = flow_half(DP_FAMILY_V4, 4, false, 6), reverse = flow_half(DP_FAMILY_V4, 4, true, 6);
  dp_install crowded{};
  crowded.now = 2;
  crowded.family = DP_FAMILY_V4;
  crowded.evict = 1;
  crowded.crowded = 1;
  CHECK(dp_flow_install(table.env(), &forward, &reverse, &crowded) == DP_INSTALL_OK);
  CHECK(table.used() == 8);
  CHECK(table.has(4));
}

TEST_CASE("of one set the oldest half-open pair goes, whichever way it lies in") {
  for (std::uint32_t oldest = 0; oldest < 8; ++oldest) {
    FlowTable table{DP_FAMILY_V4, 1};
    for (std::uint32_t number = 0; number < 8; ++number)
      REQUIRE(table.install(number, number == oldest ? 50 : 100) == DP_INSTALL_OK);
    dp_flow_claim claim{};
    claim.now = 200;
    claim.evict = 1;
    dp_flow_view view;
    REQUIRE(table.find(oldest, false, view));
    CHECK(dp_flow_evict_one4(table.env(), view.slot / DP_FLOW_WAYS, view.slot / DP_FLOW_WAYS, &claim) == 1);
    for (std::uint32_t number = 0; number < 8; ++number) CHECK(table.has(number) == (number != oldest));
  }
}

TEST_CASE("assured and closing pairs are never evicted") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    fill(table);
    for (std::uint32_t number = 0; number < 8; ++number) assure(table, number);
    dp_flow_view view;
    table.find(0, true, view);
    dp_flow_set_state(table.env(), family, &view, DP_FLOW_CLOSING);
    CHECK(table.install(50, 0x7000, true) == DP_INSTALL_FULL);
    for (std::uint32_t number = 0; number < 8; ++number) CHECK(table.has(number));
  }
}

TEST_CASE("expired pairs of any state are taken only when the caller may, and before half-open ones") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    fill(table);
    for (std::uint32_t number = 0; number < 8; ++number)
      if (number != 7) assure(table, number);
    const std::uint32_t now = 100 + 6 + 999;  // tcp_established is 1000: 0 to 5 have expired, 6 has not
    CHECK(table.install(50, now, false, false) == DP_INSTALL_FULL);
    REQUIRE(table.install(50, now, false, true) == DP_INSTALL_OK);
    CHECK(table.has(50));
    CHECK(table.has(6));
    int gone = 0;
    for (std::uint32_t number = 0; number < 6; ++number) gone += !table.has(number);
    CHECK(gone >= 1);
    CHECK(gone <= 2);
  }
}

TEST_CASE("a packet of either direction keeps a pair from expiring") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    fill(table);
    for (std::uint32_t number = 0; number < 8; ++number) {
      assure(table, number);
      dp_flow_view view;
      table.find(number, true, view);
      dp_flow_count(table.env(), family, view.slot, 1, 60, 1500);
    }
    CHECK(table.install(50, 2000, true, true) == DP_INSTALL_FULL);
    CHECK(table.install(50, 2500, true, true) == DP_INSTALL_OK);
  }
}

TEST_CASE("a half-open reverse is usable only while its forward is live with the recorded version") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    dp_flow_view view;
    REQUIRE(table.find(7, false, view));
    const std::uint32_t live = view.control;
    const std::uint32_t other_version = live + DP_FLOW_VERSION_ONE;
    const auto with = [&](std::uint32_t state) { return dp_flow_with_state(live, state); };
    const struct {
      std::uint32_t forward;
      bool usable;
    } cases[] = {{with(DP_FLOW_CLAIMED), false}, {with(DP_FLOW_PENDING), false}, {with(DP_FLOW_DYING), false},
                 {with(DP_FLOW_EMPTY), false},   {other_version, false},         {with(DP_FLOW_HALF_OPEN), true},
                 {with(DP_FLOW_ASSURED), true},  {with(DP_FLOW_CLOSING), true}};
    for (const auto& [forward, usable] : cases) {
      table.control(view.slot) = forward;
      CHECK(table.has(7, true) == usable);
    }
  }
}

TEST_CASE("an answer alone does not assure a pair") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    dp_flow_view view;
    REQUIRE(table.find(7, true, view));
    CHECK(dp_flow_state_of(view.control) == DP_FLOW_HALF_OPEN);
    REQUIRE(table.find(7, false, view));
    CHECK(dp_flow_state_of(view.control) == DP_FLOW_HALF_OPEN);
  }
}

TEST_CASE("a state set through either half shows in both, and not in a pair that is gone") {
  FOR_EACH_FAMILY {
    for (const bool by_reverse : {false, true}) {
      FlowTable table{family};
      table.install(7);
      dp_flow_view view, after;
      REQUIRE(table.find(7, by_reverse, view));
      for (const auto state : {DP_FLOW_ASSURED, DP_FLOW_ASSURED, DP_FLOW_CLOSING, DP_FLOW_ASSURED}) {
        CHECK(dp_flow_set_state(table.env(), family, &view, state) == 1);
        for (const bool reverse : {false, true}) {
          REQUIRE(table.find(7, reverse, after));
          CHECK(dp_flow_state_of(after.control) == static_cast<std::uint32_t>(state));
        }
      }
      CHECK(dp_flow_set_state(table.env(), family, &view, DP_FLOW_EMPTY) == 0);
      dp_flow_delete(table.env(), family, &view);
      CHECK(dp_flow_set_state(table.env(), family, &view, DP_FLOW_ASSURED) == 0);
      CHECK(table.used() == 0);
    }
  }
}

TEST_CASE("flags change on one half while its version stands, and keep the partner's version") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    dp_flow_view view, after;
    REQUIRE(table.find(7, true, view));
    CHECK(dp_flow_change_flags(table.env(), family, view.slot, view.control, DP_FLOW_FIN | DP_FLOW_HELD, 0) == 1);
    CHECK(dp_flow_change_flags(table.env(), family, view.slot, view.control, DP_FLOW_SYN, DP_FLOW_HELD) == 1);
    REQUIRE(table.find(7, true, after));
    CHECK((after.link & DP_FLOW_FLAGS_MASK) == (DP_FLOW_FIN | DP_FLOW_SYN | DP_FLOW_REWRITE));
    CHECK(dp_flow_same_version(after.link, view.link));
    REQUIRE(table.find(7, false, after));
    CHECK((after.link & DP_FLOW_FLAGS_MASK) == (DP_FLOW_FORWARD | DP_FLOW_REWRITE));
    CHECK(dp_flow_change_flags(table.env(), family, view.slot, view.control + DP_FLOW_VERSION_ONE, DP_FLOW_DONE, 0) ==
          0);
    REQUIRE(table.find(7, true, after));
    CHECK((after.link & DP_FLOW_DONE) == 0);
  }
}

TEST_CASE("a restamp replaces stamp, next hop and the pair's rule, from what was seen, and keeps the port") {
  FOR_EACH_FAMILY {
    for (const bool by_reverse : {false, true}) {
      FlowTable table{family};
      table.install(7);
      dp_flow_view view, after, other;
      REQUIRE(table.find(7, by_reverse, view));
      CHECK(dp_flow_rule(table.env(), family, &view) == flow_half(family, 7, true).rule);
      CHECK(dp_flow_restamp(table.env(), family, &view, 0x00020003, 77, view.port, 0x12345) == 1);
      REQUIRE(table.find(7, by_reverse, after));
      REQUIRE(table.find(7, !by_reverse, other));
      CHECK(after.stamp == 0x00020003);
      CHECK(after.next_hop == 77);
      CHECK(after.port == flow_half(family, 7, by_reverse).port);
      CHECK(other.stamp == 0x00010001);
      CHECK(dp_flow_rule(table.env(), family, &after) == 0x12345);
      CHECK(dp_flow_rule(table.env(), family, &other) == 0x12345);
      CHECK(dp_flow_restamp(table.env(), family, &view, 0x00030003, 79, view.port, 80) == 0);
      CHECK(dp_flow_rule(table.env(), family, &after) == 0x12345);
      dp_flow_delete(table.env(), family, &after);
      CHECK(dp_flow_restamp(table.env(), family, &after, 0x00030003, 79, view.port, 80) == 0);
      CHECK(dp_flow_rule(table.env(), family, &after) == 0x12345);
    }
  }
}

TEST_CASE("a rule keeps the service beside it") {
  CHECK(dp_flow_rule_word(0xfffff, 0xfff) == 0xffffffff);
  FlowTable table{DP_FAMILY_V4};
  table.install(7);
  dp_flow_view view;
  REQUIRE(table.find(7, true, view));
  dp_flow_cold& cold = table.view().cold[view.slot];
  cold.rule_word = dp_flow_rule_word(5, 0xabc);
  CHECK(dp_flow_rule(table.env(), DP_FAMILY_V4, &view) == 5);
  dp_flow_restamp(table.env(), DP_FAMILY_V4, &view, 0x00020003, 77, view.port, 6);
  CHECK(cold.rule_word == dp_flow_rule_word(6, 0xabc));
}

TEST_CASE("counters add up and the tick of the last packet stays") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7, 5);
    dp_flow_view view;
    REQUIRE(table.find(7, false, view));
    dp_flow_count(table.env(), family, view.slot, 1, 60, 9);
    dp_flow_count(table.env(), family, view.slot, 1, 1500, 12);
    const auto flow = twinpath::flow_at(table.view(), twinpath::flow_id(view.slot, view.control));
    REQUIRE(flow.has_value());
    CHECK(flow->forward.packets == 2);
    CHECK(flow->forward.bytes == 1560);
    CHECK(flow->forward.seen == 12);
    CHECK(flow->reverse.packets == 0);
    CHECK(flow->reverse.seen == 5);
  }
}

TEST_CASE("the partner is read only with the version that the link names") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    dp_flow_view view, partner;
    REQUIRE(table.find(7, false, view));
    REQUIRE(dp_flow_view_slot(table.env(), family, view.partner, view.link, &partner) == 1);
    CHECK(flow_is_whole(flow_half(family, 7, true), partner));
    CHECK(partner.partner == view.slot);
    CHECK(dp_flow_view_slot(table.env(), family, view.partner, view.link + DP_FLOW_VERSION_ONE, &partner) == 0);
    CHECK(dp_flow_view_slot(table.env(), family, 1u << 30, view.link, &partner) == 0);
  }
}

TEST_CASE("an entry recycled while it is copied is a miss") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    table.install(7);
    dp_flow_view first, view;
    REQUIRE(table.find(7, false, first));
    between_copy_and_check = [&] {
      dp_flow_delete(table.env(), family, &first);
      table.install(8);
    };
    CHECK_FALSE(table.find(7, false, view));
    CHECK(table.has(8));
    REQUIRE(table.find(8, false, first));
    between_copy_and_check = [&] { dp_flow_delete(table.env(), family, &first); };
    CHECK_FALSE(dp_flow_view_slot(table.env(), family, first.slot, first.control, &view));
  }
}

TEST_CASE("a state that changes while the entry is copied is no miss, and the view shows the later one") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(7);
    dp_flow_view first, view;
    REQUIRE(table.find(7, false, first));
    between_copy_and_check = [&] { dp_flow_set_state(table.env(), family, &first, DP_FLOW_ASSURED); };
    REQUIRE(table.find(7, false, view));
    CHECK(dp_flow_state_of(view.control) == DP_FLOW_ASSURED);
  }
}

TEST_CASE("flows lie at home in their first set while there is room") {
  FOR_EACH_FAMILY {
    constexpr std::uint32_t kPairs = 2000;  // 4,000 of 65,536 ways
    FlowTable table{family, 4096};
    std::uint32_t at_home = 0;
    for (std::uint32_t number = 0; number < kPairs; ++number) {
      REQUIRE(table.install(number) == DP_INSTALL_OK);
      dp_flow_view view;
      REQUIRE(table.find(number, false, view));
      const std::uint64_t hash = table.hash(flow_half(family, number, false));
      at_home += view.slot == dp_flow_first_set(hash, 8192) * DP_FLOW_WAYS + dp_flow_home_way(hash);
    }
    MESSAGE(at_home, " of ", kPairs, " at home");
    CHECK(at_home > kPairs * 9 / 10);
  }
}

TEST_CASE("both halves of a pair without NAT lie in one bucket, in the set of their side") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 4096};
    std::uint32_t sides = 0;
    for (std::uint32_t number = 0; number < 1000; ++number) {
      dp_flow_half forward = flow_half(family, number, false), reverse = forward;
      std::swap(reverse.source, reverse.destination);
      std::swap(reverse.source_port, reverse.destination_port);
      reverse.zone = 5;
      CHECK(table.hash(forward) == (table.hash(reverse) ^ DP_FLOW_SIDE));
      REQUIRE(table.install(forward, reverse) == DP_INSTALL_OK);
      dp_flow_view view;
      REQUIRE(table.find(forward, view));
      CHECK((view.slot >> 4) == (view.partner >> 4));
      CHECK((view.slot >> 3 & 1) == dp_flow_side(table.hash(forward)));
      CHECK((view.partner >> 3 & 1) == dp_flow_side(table.hash(reverse)));
      sides += view.slot >> 3 & 1;
    }
    CHECK(sides > 400);
    CHECK(sides < 600);
  }
}

TEST_CASE("versions wrap without touching tag or state") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    for (std::uint32_t slot = 0; slot < 16; ++slot) table.control(slot) = DP_FLOW_VERSION_MASK;
    REQUIRE(table.install(7) == DP_INSTALL_OK);
    dp_flow_view view;
    REQUIRE(table.find(7, true, view));
    dp_flow_delete(table.env(), family, &view);
    CHECK(table.control(view.slot) == 0);
    CHECK(table.control(view.partner) == 0);
    CHECK(table.install(7) == DP_INSTALL_OK);
  }
}

namespace {

// A pair under a rule with traffic in both directions: 3 packets and 300 bytes there, 2 and 1000 back.
struct CountedPair {
  explicit CountedPair(std::uint8_t family, std::uint32_t rule, std::uint32_t buckets = 64) : table(family, buckets) {
    table.env()->rule_counts = counters;
    install(1, rule);
    count(1, false, 3, 300);
    count(1, true, 2, 1000);
  }
  void install(std::uint32_t number, std::uint32_t rule) {
    dp_flow_half forward = flow_half(table.family(), number, false), reverse = flow_half(table.family(), number, true);
    forward.rule = reverse.rule = rule;
    REQUIRE(table.install(forward, reverse) == DP_INSTALL_OK);
  }
  void count(std::uint32_t number, bool reverse, std::uint64_t packets, std::uint64_t bytes) {
    const dp_flow_view view = at(number, reverse);
    dp_flow_count(table.env(), table.family(), view.slot, packets, bytes, 1);
  }
  dp_flow_view at(std::uint32_t number, bool reverse) {
    dp_flow_view view{};
    REQUIRE(table.find(flow_half(table.family(), number, reverse), view));
    return view;
  }

  std::vector<dp_rule_counters> counters{16};
  FlowTable table;
};

}  // namespace

TEST_CASE("a pair that ends leaves to its rule what both halves have counted, once") {
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    CountedPair pair{family, 7};
    CHECK(pair.counters[7].packets == 0);
    const dp_flow_view view = pair.at(1, true);
    CHECK(dp_flow_delete(pair.table.env(), family, &view) == 1);
    CHECK(dp_flow_delete(pair.table.env(), family, &view) == 0);
    CHECK(pair.counters[7].packets == 5);
    CHECK(pair.counters[7].bytes == 1300);
    pair.install(1, 7);  // the slots again: nothing of the former pair is counted twice
    const dp_flow_view again = pair.at(1, false);
    CHECK(dp_flow_delete(pair.table.env(), family, &again) == 1);
    CHECK(pair.counters[7].packets == 5);
  }
}

TEST_CASE("a pair that is evicted, or deleted because it is idle, leaves its traffic to its rule") {
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    CountedPair evicted{family, 7, 1};
    for (std::uint32_t number = 2; number < 40; ++number)
      (void)evicted.table.install(flow_half(family, number, false), flow_half(family, number, true), 2, true);
    CHECK(evicted.counters[7].packets == 5);
    CountedPair idle{family, 7};
    const dp_flow_view view = idle.at(1, false);
    const int deleted = family == DP_FAMILY_V4 ? dp_flow_delete_idle4(idle.table.env(), &view, 100'000)
                                               : dp_flow_delete_idle6(idle.table.env(), &view, 100'000);
    CHECK(deleted == 1);
    CHECK(idle.counters[7].bytes == 1300);
  }
}

TEST_CASE("a pair that gets another rule has its traffic until then counted for the former one") {
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    CountedPair pair{family, 7};
    dp_flow_view view = pair.at(1, false);
    REQUIRE(dp_flow_restamp(pair.table.env(), family, &view, 1U << 16 | 2, view.next_hop, view.port, 9) == 1);
    view = pair.at(1, true);
    REQUIRE(dp_flow_restamp(pair.table.env(), family, &view, 1U << 16 | 2, view.next_hop, view.port, 9) == 1);
    pair.count(1, true, 1, 60);
    CHECK(pair.counters[7].packets == 5);
    CHECK(pair.counters[7].bytes == 1300);
    view = pair.at(1, false);
    REQUIRE(dp_flow_delete(pair.table.env(), family, &view) == 1);
    CHECK(pair.counters[7].packets == 5);
    CHECK(pair.counters[9].packets == 1);
    CHECK(pair.counters[9].bytes == 60);
  }
}
