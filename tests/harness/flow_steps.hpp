// flow_steps.hpp - what tests do to a numbered flow that a table has, and that must succeed there.
#pragma once

#include <doctest/doctest.h>

#include "harness/flow_env.hpp"

namespace twinpath::test {

inline dp_flow_view find(FlowTable& table, std::uint32_t number, bool reverse = false) {
  dp_flow_view view{};
  REQUIRE(table.find(number, reverse, view));
  return view;
}

inline void set_state(FlowTable& table, std::uint32_t number, std::uint32_t state) {
  const dp_flow_view view = find(table, number);
  REQUIRE(dp_flow_set_state(table.env(), table.family(), &view, state) == 1);
}

inline void packet(FlowTable& table, std::uint32_t number, bool reverse, std::uint32_t now) {
  dp_flow_count(table.env(), table.family(), find(table, number, reverse).slot, 1, 60, now);
}

}  // namespace twinpath::test
