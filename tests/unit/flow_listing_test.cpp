// flow_listing_test.cpp - lists over a flow table at rest, and deleting with a packet in between.

#include "flows/listing.hpp"

#include <functional>

#include "common/target.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>

#include "harness/flow_steps.hpp"

using namespace twinpath;
using namespace twinpath::test;

#define FOR_EACH_FAMILY \
  for (const auto& [name, family] : kFamilies) SUBCASE(name)

namespace {

std::uint64_t id_of(FlowTable& table, std::uint32_t number) {
  const dp_flow_view view = find(table, number);
  return flow_id(view.slot, view.control);
}

std::map<std::uint64_t, FlowSnapshot> list(FlowTable& table, std::size_t page) {
  std::map<std::uint64_t, FlowSnapshot> flows;
  std::uint32_t cursor = 0;
  while (cursor < table.view().slot_count())
    cursor = walk_flows(table.view(), cursor, page,
                        [&](const FlowSnapshot& flow) { CHECK(flows.emplace(flow.id, flow).second); });
  return flows;
}

}  // namespace

TEST_CASE("a flow that wakes up while it is being deleted goes back to its former state") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1, 100);
    set_state(table, 1, DP_FLOW_ASSURED);
    const dp_flow_view view = find(table, 1);
    packet(table, 1, true, 1099);  // after the decision, before the second look
    const int deleted = family == DP_FAMILY_V4 ? dp_flow_delete_idle4(table.env(), &view, 1100)
                                               : dp_flow_delete_idle6(table.env(), &view, 1100);
    CHECK(deleted == 0);
    CHECK(find(table, 1).control == view.control);
    CHECK(dp_flow_state_of(find(table, 1, true).control) == DP_FLOW_ASSURED);
  }
}

TEST_CASE("a flow does not come back when its key was taken while it was dying") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1, 100);
    const dp_flow_view old = find(table, 1);
    table.control(old.slot) = dp_flow_with_state(old.control, DP_FLOW_DYING);
    REQUIRE(table.install(1, 105) == DP_INSTALL_OK);
    // what delete_idle does once it has seen that the flow is awake
    dp_install again{};
    dp_flow_pair_from(old.slot, old.control, old.partner, old.link, &again.pair);
    const std::uint32_t pending = dp_flow_with_state(old.control, DP_FLOW_PENDING);
    table.control(old.slot) = pending;
    again.hashes = {table.hash(flow_half(family, 1, false)), table.hash(flow_half(family, 1, true))};
    const int result = family == DP_FAMILY_V4 ? dp_flow_commit4(table.env(), &again, pending, DP_FLOW_HALF_OPEN)
                                              : dp_flow_commit6(table.env(), &again, pending, DP_FLOW_HALF_OPEN);
    CHECK(result == DP_INSTALL_EXISTS_FORWARD);
    CHECK(table.used() == 2);
    CHECK(find(table, 1).slot != old.slot);
  }
}

TEST_CASE("a walk in pages shows every pair once, with both halves") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    for (std::uint32_t number = 0; number < 200; ++number) REQUIRE(table.install(number, 50) == DP_INSTALL_OK);
    set_state(table, 5, DP_FLOW_ASSURED);
    packet(table, 5, true, 60);
    const auto flows = list(table, 7);
    CHECK(flows.size() == 200);
    const FlowSnapshot& flow = flows.at(id_of(table, 5));
    const dp_flow_half forward = flow_half(family, 5, false), reverse = flow_half(family, 5, true);
    CHECK(flow.family == family);
    CHECK(flow.protocol == 6);
    CHECK(flow.state == DP_FLOW_ASSURED);
    CHECK(flow.created == 50);
    CHECK(flow.rule == flow_half(family, 5, true).rule);
    CHECK(dp_address_equal(&flow.forward.source, &forward.source));
    CHECK(dp_address_equal(&flow.reverse.source, &reverse.source));
    CHECK(flow.forward.new_source.word[0] == forward.new_source.word[0]);
    CHECK(flow.reverse.new_destination_port == reverse.new_destination_port);
    CHECK((flow.forward.flags & DP_FLOW_FORWARD) != 0);
    CHECK((flow.reverse.flags & DP_FLOW_FORWARD) == 0);
    CHECK(flow.reverse.packets == 1);
    CHECK(flow.reverse.seen == 60);
    CHECK(flow.forward.seen == 50);
  }
}

TEST_CASE("sequence numbers kept beside the table are not shown as traffic, nor the age as a rule") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1, 0xfffff);
    const dp_flow_view reverse = find(table, 1, true);
    dp_flow_count(table.env(), family, reverse.slot, 1, 60, 0xfffff);
    dp_flow_store_numbers(table.env(), family, reverse.slot, reverse.control, 0xdeadbeef, 0xfeedface);
    const FlowSnapshot flow = *flow_at(table.view(), id_of(table, 1));
    CHECK(flow.reverse.bytes == 60);
    CHECK(flow.reverse.packets == 1);
    CHECK(flow.forward.packets == 0);
    CHECK(flow.rule == flow_half(family, 1, true).rule);
    CHECK(flow.created == 0xfffff);
  }
}

TEST_CASE("counts that have been carried are shown, whichever half and family") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1);
    for (const bool by_reverse : {false, true}) {
      const dp_flow_view half = find(table, 1, by_reverse);
      for (int i = 0; i < 9; ++i) dp_flow_count(table.env(), family, half.slot, 1U << 20, 1ULL << 36, 5);
      const FlowSnapshot flow = *flow_at(table.view(), id_of(table, 1));
      CHECK((by_reverse ? flow.reverse : flow.forward).packets == 9ULL << 20);
      CHECK((by_reverse ? flow.reverse : flow.forward).bytes == 9ULL << 36);
    }
  }
}

TEST_CASE("a pair in a recycled slot begins with empty counters, its own age and its own rule") {
  FOR_EACH_FAMILY {
    FlowTable table{family, 1};
    for (std::uint32_t number = 0; number < 8; ++number) {
      table.install(1, 100 + number);
      const dp_flow_view forward = find(table, 1), reverse = find(table, 1, true);
      for (const dp_flow_view* half : {&forward, &reverse}) {
        dp_flow_store_numbers(table.env(), family, half->slot, half->control, 0xdeadbeef, 0xfeedface);
        for (int i = 0; i < 9; ++i) dp_flow_count(table.env(), family, half->slot, 1U << 20, 1ULL << 36, 5);
      }
      REQUIRE(delete_flow(table.view(), id_of(table, 1)));
      table.install(2, 200 + number);
      const FlowSnapshot flow = *flow_at(table.view(), id_of(table, 2));
      CHECK(flow.forward.packets == 0);
      CHECK(flow.reverse.bytes == 0);
      CHECK(flow.created == 200 + number);
      CHECK(flow.rule == flow_half(family, 2, true).rule);
      REQUIRE(delete_flow(table.view(), id_of(table, 2)));
    }
  }
}

TEST_CASE("an id names one flow for good: after its deletion it finds nothing and deletes nothing") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1);
    const std::uint64_t id = id_of(table, 1);
    CHECK(flow_at(table.view(), id)->id == id);
    const dp_flow_view reverse = find(table, 1, true);
    CHECK_FALSE(flow_at(table.view(), flow_id(reverse.slot, reverse.control)).has_value());
    CHECK_FALSE(delete_flow(table.view(), flow_id(reverse.slot, reverse.control)));
    CHECK(delete_flow(table.view(), id));
    CHECK_FALSE(delete_flow(table.view(), id));
    table.install(1);
    CHECK(id_of(table, 1) != id);
    CHECK_FALSE(flow_at(table.view(), id).has_value());
    CHECK_FALSE(delete_flow(table.view(), id));
    CHECK_FALSE(delete_flow(table.view(), ~std::uint64_t{0}));
    CHECK(table.has(1));
  }
}
