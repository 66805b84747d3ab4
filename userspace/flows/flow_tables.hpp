// flow_tables.hpp - the flow tables of both families, over memory that somebody else owns.
//
// Shape    view() takes number of sets and seed from the settings at each call: a start writes them after the tables exist.
// Thread   any; what is done with a view: listing.hpp, expiry.hpp, recovery.hpp.
#pragma once

#include <array>
#include <span>

#include "flows/table_view.hpp"

namespace twinpath {

inline constexpr std::array<std::uint8_t, 2> kFlowFamilies{DP_FAMILY_V4, DP_FAMILY_V6};

class FlowTables {
 public:
  FlowTables(std::span<dp_flow_bucket4> v4, std::span<dp_flow_cold> cold4, std::span<dp_flow_bucket6> v6,
             std::span<dp_flow_cold> cold6, const dp_settings& settings)
      : v4_(v4), cold4_(cold4), v6_(v6), cold6_(cold6), settings_(settings) {}

  [[nodiscard]] TableView view(std::uint8_t family) const {
    if (family == DP_FAMILY_V4) return {family, v4_, {}, cold4_, settings_.v4, rule_counts_};
    return {family, {}, v6_, cold6_, settings_.v6, rule_counts_};
  }
  // What flows have counted that are deleted by way of these views is added here.
  void count_rules(std::span<dp_rule_counters> counters) { rule_counts_ = counters; }

 private:
  std::span<dp_flow_bucket4> v4_;
  std::span<dp_flow_cold> cold4_;
  std::span<dp_flow_bucket6> v6_;
  std::span<dp_flow_cold> cold6_;
  const dp_settings& settings_;
  std::span<dp_rule_counters> rule_counts_;
};

}  // namespace twinpath
