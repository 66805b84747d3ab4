// env.hpp - the lookups of common/env.h, over mappings of the tables that the kernel datapath uses.
//
// Thread   one dp_env per engine thread. The mappings are shared with the kernel and the control thread, which publish
//          by single words. Routes that are not among the last ones, and neighbours, are looked up in their maps by a
//          system call, once per new flow.
// Owner    the daemon; spans point into mappings that outlive the engine.
#pragma once

#include <bpf/bpf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "common/decide/route_cache.h"
#include "common/env.h"
#include "engine/route_source.hpp"

namespace twinpath {

struct BudgetWindow {
  std::uint32_t second = 0;
  std::uint32_t used = 0;
};

// The tables that both datapaths read, mapped. Banked tables hold all their banks, one behind the other.
struct SharedTables {
  const dp_settings* settings = nullptr;
  std::span<const dp_zone_pair> zone_pairs;
  std::span<const dp_rule> rules;
  std::span<const dp_path> paths;
  std::span<const dp_port> ports;
  std::span<const dp_device> devices;
  std::span<const dp_next_hop> next_hops;
  std::span<dp_flow_bucket4> flows4;
  std::span<dp_flow_bucket6> flows6;
  std::span<dp_flow_cold> flows4_cold;
  std::span<dp_flow_cold> flows6_cold;
};

// File descriptors of the maps that are not arrays and cannot be mapped.
struct RouteMaps {
  std::array<int, DP_BANKS> routes4{};
  std::array<int, DP_BANKS> routes6{};
  int neighbours = -1;
};

// Tables of an object that maps each table in a member of the table's name (MapMemory of userspace/kernel/bpf_map.hpp).
template <class Mapped>
[[nodiscard]] SharedTables tables_of(const Mapped& mapped) {
  return {&mapped.settings[0],    mapped.zone_pairs.values(),  mapped.rules.values(),      mapped.paths.values(),
          mapped.ports.values(),  mapped.devices.values(),     mapped.next_hops.values(),  mapped.flows4.values(),
          mapped.flows6.values(), mapped.flows4_cold.values(), mapped.flows6_cold.values()};
}

}  // namespace twinpath

struct dp_env : twinpath::SharedTables, twinpath::RouteMaps {
  dp_env() = default;
  // Routes and neighbours come from maps, or from an object.
  dp_env(const twinpath::SharedTables& tables, const twinpath::RouteMaps& maps)
      : SharedTables(tables), RouteMaps(maps) {}
  dp_env(const twinpath::SharedTables& tables, const twinpath::RouteSource& source)
      : SharedTables(tables), routing(&source) {}

  const twinpath::RouteSource* routing = nullptr;  // used instead of the maps when it is set
  std::array<dp_cached_route, DP_ROUTE_CACHE_ENTRIES> route_cache{};
  std::array<twinpath::BudgetWindow, DP_BUDGETS> budgets{};
};

namespace twinpath::env_detail {

template <class T>
T* at(std::span<T> values, std::size_t index) noexcept {
  return index < values.size() ? &values[index] : nullptr;
}

// By a system call.
inline bool look_up_route(const RouteMaps& maps, const dp_route_query& query, dp_route& found) noexcept {
  const std::size_t bank = query.bank & 1U;
  if (query.family == DP_FAMILY_V4) {
    const dp_route_key4 key{32, query.address.word[0]};
    return bpf_map_lookup_elem(maps.routes4[bank], &key, &found) == 0;
  }
  const dp_route_key6 key{128, query.address};
  return bpf_map_lookup_elem(maps.routes6[bank], &key, &found) == 0;
}

}  // namespace twinpath::env_detail

DP_INLINE const dp_settings* dp_env_settings(dp_env* env) { return env->settings; }

DP_INLINE const dp_zone_pair* dp_env_zone_pair(dp_env* env, __u32 bank, __u32 index) {
  return twinpath::env_detail::at(env->zone_pairs, std::size_t{bank} * DP_ZONES_MAX * DP_ZONES_MAX + index);
}

DP_INLINE const dp_rule* dp_env_rule(dp_env* env, __u32 bank, __u32 index) {
  return twinpath::env_detail::at(env->rules, std::size_t{bank} * DP_RULES_MAX + index);
}

DP_INLINE const dp_path* dp_env_path(dp_env* env, __u32 bank, __u32 index) {
  return twinpath::env_detail::at(env->paths, std::size_t{bank} * DP_PATHS_MAX + index);
}

DP_INLINE const dp_route* dp_env_route(dp_env* env, const dp_route_query* query) {
  if (env->routing != nullptr) return env->routing->route(query->bank, query->family, query->address);
  dp_cached_route& cached = env->route_cache[dp_route_cache_index(&query->address)];
  if (dp_route_cache_holds(&cached, query) == 0) {
    dp_route found{};
    const bool is_there = twinpath::env_detail::look_up_route(*env, *query, found);
    dp_route_cache_store(&cached, query, is_there ? &found : nullptr);
  }
  return &cached.route;
}

DP_INLINE const dp_port* dp_env_port(dp_env* env, __u32 port) { return twinpath::env_detail::at(env->ports, port); }

DP_INLINE const dp_device* dp_env_device(dp_env* env, __u32 device) {
  return twinpath::env_detail::at(env->devices, device);
}

DP_INLINE const dp_next_hop* dp_env_next_hop(dp_env* env, __u32 index) {
  return twinpath::env_detail::at(env->next_hops, index);
}

DP_INLINE __u32 dp_env_neighbour(dp_env* env, const dp_neighbour_key* key) {
  if (env->routing != nullptr) return env->routing->neighbour(*key);
  __u32 index = 0;
  return bpf_map_lookup_elem(env->neighbours, key, &index) == 0 ? index : 0;
}

DP_INLINE dp_flow_bucket4* dp_env_bucket4(dp_env* env, __u32 bucket) {
  return twinpath::env_detail::at(env->flows4, bucket);
}

DP_INLINE dp_flow_bucket6* dp_env_bucket6(dp_env* env, __u32 bucket) {
  return twinpath::env_detail::at(env->flows6, bucket);
}

DP_INLINE dp_flow_cold* dp_env_cold4(dp_env* env, __u32 slot) {
  return twinpath::env_detail::at(env->flows4_cold, slot);
}

DP_INLINE dp_flow_cold* dp_env_cold6(dp_env* env, __u32 slot) {
  return twinpath::env_detail::at(env->flows6_cold, slot);
}

DP_INLINE int dp_env_budget(dp_env* env, __u32 kind, __u32 now) {
  if (kind >= DP_BUDGETS) return 0;
  twinpath::BudgetWindow& window = env->budgets[kind];
  if (now - window.second >= env->settings->ticks_per_second) window = {now, 0};
  return window.used++ < env->settings->budget[kind] ? 1 : 0;
}
