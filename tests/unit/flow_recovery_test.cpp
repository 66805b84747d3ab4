// flow_recovery_test.cpp - putting a flow table in order after a writer has died.

#include "flows/recovery.hpp"

#include <doctest/doctest.h>

#include <string>

#include "harness/flow_steps.hpp"

using namespace twinpath;
using namespace twinpath::test;

#define FOR_EACH_FAMILY \
  for (const auto& [name, family] : kFamilies) SUBCASE(name)

TEST_CASE("recovery leaves a healthy table as it is and does not wait for it") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    for (std::uint32_t number = 0; number < 50; ++number) table.install(number);
    bool waited = false;
    const RecoveryCounts counts = recover_flows(table.view(), [&] { waited = true; });
    CHECK_FALSE(waited);
    CHECK(counts.released == 0);
    CHECK(counts.half_pairs == 0);
    CHECK(table.used() == 100);
  }
}

// A writer may die between any two writes. Each row is what it leaves behind in the forward entry's and the reverse entry's word.
TEST_CASE("recovery removes what a writer left half-way, whatever it had done") {
  const struct {
    const char* name;
    int forward, reverse;  // states, -1: released
  } cases[] = {
      {"reverse claimed", DP_FLOW_EMPTY, DP_FLOW_CLAIMED},
      {"both claimed", DP_FLOW_CLAIMED, DP_FLOW_CLAIMED},
      {"reverse published", DP_FLOW_CLAIMED, DP_FLOW_HALF_OPEN},
      {"forward pending", DP_FLOW_PENDING, DP_FLOW_HALF_OPEN},
      {"killed", DP_FLOW_DYING, DP_FLOW_HALF_OPEN},
      {"dying while assured", DP_FLOW_DYING, DP_FLOW_ASSURED},
      {"dying, reverse released", DP_FLOW_DYING, -1},
      {"coming back", DP_FLOW_PENDING, DP_FLOW_CLOSING},
      {"reverse without forward", -1, DP_FLOW_ASSURED},
      {"forward without reverse", DP_FLOW_ASSURED, -1},
  };
  FOR_EACH_FAMILY {
    for (const auto& c : cases) {
      INFO(std::string{c.name});
      FlowTable table{family};
      table.install(1);
      table.install(2);
      const dp_flow_view forward = find(table, 1);
      const std::uint32_t reverse = table.control(forward.partner);
      const auto left = [](std::uint32_t control, int state) {
        if (state < 0) return dp_flow_released(control);
        if (state == DP_FLOW_EMPTY) return std::uint32_t{control & DP_FLOW_VERSION_MASK};
        return dp_flow_with_state(control, static_cast<std::uint32_t>(state));
      };
      table.control(forward.slot) = left(forward.control, c.forward);
      table.control(forward.partner) = left(reverse, c.reverse);
      recover_flows(table.view(), [] {});
      CHECK(dp_flow_state_of(table.control(forward.slot)) == DP_FLOW_EMPTY);
      CHECK(dp_flow_state_of(table.control(forward.partner)) == DP_FLOW_EMPTY);
      CHECK(table.used() == 2);
      CHECK(table.has(2));
      CHECK(table.install(1) == DP_INSTALL_OK);
    }
  }
}

TEST_CASE("recovery leaves alone what still moves") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1);
    const dp_flow_view forward = find(table, 1);
    table.control(forward.slot) = dp_flow_with_state(forward.control, DP_FLOW_PENDING);
    FlowRecovery recovery{table.view()};
    CHECK(recovery.note() == 1);
    table.control(forward.slot) = forward.control;  // its writer went on
    CHECK(recovery.repair().released == 0);
    CHECK(table.has(1));
    CHECK(table.has(1, true));
  }
}

TEST_CASE("recovery does not release a slot that another pair has taken since") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1);
    const dp_flow_view old = find(table, 1);
    dp_flow_delete(table.env(), family, &old);
    table.install(1);
    REQUIRE(find(table, 1).slot == old.slot);
    // a dead writer's dying forward entry elsewhere that still names the reverse entry's former version
    table.install(2);
    const dp_flow_view victim = find(table, 2);
    table.control(victim.slot) = dp_flow_with_state(victim.control, DP_FLOW_DYING);
    if (family == DP_FAMILY_V4)
      dp_flow_entry4(table.env(), victim.slot)->partner = old.partner;
    else
      dp_flow_entry6(table.env(), victim.slot)->partner = old.partner;
    recover_flows(table.view(), [] {});
    CHECK(table.has(1, true));
    CHECK_FALSE(table.has(2));
    CHECK(table.used() == 2);
  }
}

TEST_CASE("recovery clears HELD and lets a lagging reverse catch up with its forward") {
  FOR_EACH_FAMILY {
    FlowTable table{family};
    table.install(1);
    const dp_flow_view forward = find(table, 1);
    dp_flow_change_flags(table.env(), family, forward.slot, forward.control, DP_FLOW_HELD | DP_FLOW_USER, 0);
    table.control(forward.slot) = dp_flow_with_state(forward.control, DP_FLOW_ASSURED);
    const RecoveryCounts counts = recover_flows(table.view(), [] {});
    CHECK(counts.held == 1);
    CHECK((find(table, 1).link & DP_FLOW_FLAGS_MASK) == (DP_FLOW_FORWARD | DP_FLOW_REWRITE | DP_FLOW_USER));
    CHECK(dp_flow_state_of(find(table, 1, true).control) == DP_FLOW_ASSURED);
  }
}
