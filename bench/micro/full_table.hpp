// full_table.hpp - a flow table as large as the product makes it for so many pairs, and so many assured pairs in it.
//
// Pairs    flow numbers 0 .. pairs - 1 (tests/harness/flow_numbers.h), IPv4, TCP, seen at tick kSeen.
#pragma once

#include <cstdint>

#include "harness/flow_env.hpp"
#include "kernel/tables.hpp"

namespace twinpath::bench {

class FullTable {
 public:
  static constexpr std::uint32_t kSeen = 1;

  explicit FullTable(std::uint32_t pairs) : table_(DP_FAMILY_V4, sets_for(pairs) / 2) {
    for (std::uint32_t number = 0; number < pairs; ++number) full_ = install(number) && full_;
  }

  // Every pair has found room.
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] test::FlowTable& table() { return table_; }

 private:
  [[nodiscard]] bool install(std::uint32_t number) {
    dp_flow_view view;
    if (table_.install(number, kSeen) != DP_INSTALL_OK) return false;
    const dp_install& made = table_.last();
    return dp_flow_view_slot(table_.env(), made.family, made.slot, made.control, &view) != 0 &&
           dp_flow_set_state(table_.env(), made.family, &view, DP_FLOW_ASSURED) != 0;
  }

  test::FlowTable table_;
  bool full_ = true;
};

}  // namespace twinpath::bench
