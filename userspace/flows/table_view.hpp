// table_view.hpp - one family's flow table in memory, as the files of this folder take it.
//
// Shape    spans over mapped memory: control words and entries in buckets, the cold array beside them.
// Owner    whoever mapped it (kernel/tables.hpp; tests have tables of their own). A view owns nothing.
// Errors   none: a table of the wrong size is a broken invariant of its owner.
#pragma once

#include <cstdint>
#include <span>

#include "common/model/counters.h"
#include "common/model/flow.h"
#include "common/model/settings.h"

namespace twinpath {

// The span of the other family is empty. Listing may use a read-only mapping.
struct TableView {
  std::uint8_t family = DP_FAMILY_NONE;
  std::span<dp_flow_bucket4> v4;
  std::span<dp_flow_bucket6> v6;
  std::span<dp_flow_cold> cold;  // one element a slot
  dp_table_shape shape{};
  std::span<dp_rule_counters> rule_counts{};  // gets what deleted flows have counted, by rule id; empty: nobody counts

  [[nodiscard]] std::uint32_t slot_count() const {
    return static_cast<std::uint32_t>(v4.size() + v6.size()) * DP_FLOW_LANES;
  }
};

}  // namespace twinpath
