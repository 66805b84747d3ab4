// env.hpp - the shared flow verbs over flow tables and nothing else: for this folder, and for tests.
//
// The verbs take a `struct dp_env`. The engine's (env.hpp) holds every table; code that sees only flow tables uses this
// one instead, under its own name, so that no program has two types of one name. A translation unit includes
// either this header or env.hpp. Verbs that look anything else up cannot be used with it.
#pragma once

#include <span>

#define dp_env flow_env
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"  // lookups of other tables stay undefined
#include "common/env.h"
#include "common/model/counters.h"
#pragma GCC diagnostic pop

struct flow_env {
  const dp_settings* settings;
  std::span<dp_flow_bucket4> v4;
  std::span<dp_flow_bucket6> v6;
  std::span<dp_flow_cold> cold;               // of the family whose table is here
  std::span<dp_rule_counters> rule_counts{};  // by rule id; empty: nobody counts
};

static inline const dp_settings* dp_env_settings(flow_env* env) { return env->settings; }

static inline dp_flow_bucket4* dp_env_bucket4(flow_env* env, __u32 bucket) {
  return bucket < env->v4.size() ? &env->v4[bucket] : nullptr;
}

static inline dp_flow_bucket6* dp_env_bucket6(flow_env* env, __u32 bucket) {
  return bucket < env->v6.size() ? &env->v6[bucket] : nullptr;
}

static inline dp_flow_cold* dp_env_cold4(flow_env* env, __u32 slot) {
  return slot < env->cold.size() ? &env->cold[slot] : nullptr;
}

static inline dp_flow_cold* dp_env_cold6(flow_env* env, __u32 slot) { return dp_env_cold4(env, slot); }

static inline void dp_env_count_rule(flow_env* env, __u32 rule, __u64 packets, __u64 bytes, __u64 flows) {
  if (rule != 0 && rule < env->rule_counts.size()) dp_rule_counters_add(&env->rule_counts[rule], packets, bytes, flows);
}

#include "common/flow/table.h"
#undef dp_env
