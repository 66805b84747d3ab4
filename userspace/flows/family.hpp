// family.hpp - the flow verbs of both families under one set of names, for code that works on either table.
//
// For the sources of this folder that walk a table (listing, recovery, expiry); nobody else includes it.
#pragma once

#include <span>

#include "flows/env.hpp"
#include "flows/table_view.hpp"

namespace twinpath::flow_detail {

// What the two families call their verbs.
struct V4 {
  using Bucket = struct dp_flow_bucket4;
  using Entry = struct dp_flow_entry4;
  static std::span<dp_flow_bucket4> buckets(const TableView& table) { return table.v4; }
  static Entry* entry(flow_env* env, std::uint32_t slot) { return dp_flow_entry4(env, slot); }
  static std::uint32_t* control(flow_env* env, std::uint32_t slot) { return dp_flow_control4(env, slot); }
  static int pair_at(flow_env* env, std::uint32_t slot, std::uint32_t control, dp_flow_pair* pair) {
    return dp_flow_pair_at4(env, slot, control, pair);
  }
  static void mirror(flow_env* env, const dp_flow_pair* pair) { dp_flow_mirror4(env, pair); }
  static int delete_idle(flow_env* env, const dp_flow_view* view, std::uint32_t now) {
    return dp_flow_delete_idle4(env, view, now);
  }
  static dp_address address(const __be32& word) { return {{word, 0, 0, 0}}; }
};

struct V6 {
  using Bucket = struct dp_flow_bucket6;
  using Entry = struct dp_flow_entry6;
  static std::span<dp_flow_bucket6> buckets(const TableView& table) { return table.v6; }
  static Entry* entry(flow_env* env, std::uint32_t slot) { return dp_flow_entry6(env, slot); }
  static std::uint32_t* control(flow_env* env, std::uint32_t slot) { return dp_flow_control6(env, slot); }
  static int pair_at(flow_env* env, std::uint32_t slot, std::uint32_t control, dp_flow_pair* pair) {
    return dp_flow_pair_at6(env, slot, control, pair);
  }
  static void mirror(flow_env* env, const dp_flow_pair* pair) { dp_flow_mirror6(env, pair); }
  static int delete_idle(flow_env* env, const dp_flow_view* view, std::uint32_t now) {
    return dp_flow_delete_idle6(env, view, now);
  }
  static dp_address address(const __be32 (&word)[4]) { return {{word[0], word[1], word[2], word[3]}}; }
};

template <class Work>
auto for_family(const TableView& table, Work work) {
  return table.family == DP_FAMILY_V4 ? work(V4{}) : work(V6{});
}

inline dp_settings settings_for(const TableView& table, const dp_timeouts& timeouts) {
  dp_settings settings{};
  settings.v4 = settings.v6 = table.shape;
  settings.timeouts = timeouts;
  return settings;
}

inline flow_env env_for(const TableView& table, const dp_settings& settings) {
  return {&settings, table.v4, table.v6, table.cold, table.rule_counts};
}

inline bool is_live(std::uint32_t control) { return dp_flow_is_live(control) != 0; }

}  // namespace twinpath::flow_detail
