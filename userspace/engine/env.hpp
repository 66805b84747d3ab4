// env.hpp - the lookups of common/env.h, over mappings of the tables that the kernel datapath uses.
//
// Thread   one dp_env per engine thread. The mappings are shared with the kernel and the control thread, which publish
//          by single words. Neighbours are looked up in their map by a system call, once per new flow.
// Owner    the daemon; spans point into mappings that outlive the engine.
#pragma once

#include <bpf/bpf.h>

#include <cstdint>
#include <span>

#include "common/env.h"
#include "common/model/counters.h"
#include "engine/neighbour_source.hpp"

namespace twinpath {

// The tables that both datapaths read, mapped. Banked tables hold all their banks, one behind the other.
struct SharedTables {
  const dp_settings* settings = nullptr;
  std::span<const dp_zone_pair> zone_pairs;
  std::span<const dp_rule> rules;
  std::span<const dp_route_rule> route_rules;
  std::span<const dp_route> routes;
  std::span<const dp_path> paths;
  std::span<const std::uint32_t> fib;  // words of the routing tables' trees
  std::span<const dp_port> ports;
  std::span<const dp_port_macs> port_macs;
  std::span<const dp_device> devices;
  std::span<const dp_next_hop> next_hops;
  std::span<dp_flow_bucket4> flows4;
  std::span<dp_flow_bucket6> flows6;
  std::span<dp_flow_cold> flows4_cold;
  std::span<dp_flow_cold> flows6_cold;
  std::span<dp_budget_window> budgets;
};

// Words of lines that are mapped.
[[nodiscard]] inline std::span<const std::uint32_t> words_of(std::span<const dp_fib_line> lines) {
  return {reinterpret_cast<const std::uint32_t*>(lines.data()), lines.size() * DP_FIB_LINE_WORDS};
}

// Tables of an object that maps each table in a member of the table's name (MapMemory of userspace/kernel/bpf_map.hpp).
template <class Mapped>
[[nodiscard]] SharedTables tables_of(const Mapped& mapped) {
  return {&mapped.settings[0],           mapped.zone_pairs.values(),  mapped.rules.values(),
          mapped.route_rules.values(),   mapped.routes.values(),      mapped.paths.values(),
          words_of(mapped.fib.values()), mapped.ports.values(),       mapped.port_macs.values(),
          mapped.devices.values(),       mapped.next_hops.values(),   mapped.flows4.values(),
          mapped.flows6.values(),        mapped.flows4_cold.values(), mapped.flows6_cold.values(),
          mapped.budgets.values()};
}

}  // namespace twinpath

struct dp_env : twinpath::SharedTables {
  dp_env() = default;
  // Neighbours come from the map, which is no array and cannot be mapped, or from an object.
  dp_env(const twinpath::SharedTables& tables, int neighbours) : SharedTables(tables), neighbours_map(neighbours) {}
  dp_env(const twinpath::SharedTables& tables, const twinpath::NeighbourSource& source)
      : SharedTables(tables), neighbours(&source) {}

  int neighbours_map = -1;
  const twinpath::NeighbourSource* neighbours = nullptr;  // used instead of the map when it is set
  std::span<dp_rule_counters> rule_counts;                // by rule id; shared with the control thread
};

namespace twinpath::env_detail {

template <class T>
T* at(std::span<T> values, std::size_t index) noexcept {
  return index < values.size() ? &values[index] : nullptr;
}

}  // namespace twinpath::env_detail

DP_INLINE const dp_settings* dp_env_settings(dp_env* env) { return env->settings; }

DP_INLINE const dp_zone_pair* dp_env_zone_pair(dp_env* env, __u32 bank, __u32 index) {
  return twinpath::env_detail::at(env->zone_pairs, std::size_t{bank} * DP_ZONES_MAX * DP_ZONES_MAX + index);
}

DP_INLINE const dp_rule* dp_env_rule(dp_env* env, __u32 bank, __u32 index) {
  return twinpath::env_detail::at(env->rules, std::size_t{bank} * DP_RULES_MAX + index);
}

DP_INLINE const dp_route_rule* dp_env_route_rule(dp_env* env, __u32 index) {
  return twinpath::env_detail::at(env->route_rules, index);
}

DP_INLINE const dp_route* dp_env_route(dp_env* env, __u32 index) {
  return twinpath::env_detail::at(env->routes, index);
}

DP_INLINE const dp_path* dp_env_path(dp_env* env, __u32 index) { return twinpath::env_detail::at(env->paths, index); }

DP_INLINE __u32 dp_env_fib_word(dp_env* env, __u32 word) { return word < env->fib.size() ? env->fib[word] : 0; }

DP_INLINE const dp_port* dp_env_port(dp_env* env, __u32 port) { return twinpath::env_detail::at(env->ports, port); }

DP_INLINE const dp_port_macs* dp_env_port_macs(dp_env* env, __u32 port) {
  return twinpath::env_detail::at(env->port_macs, port);
}

DP_INLINE const dp_device* dp_env_device(dp_env* env, __u32 device) {
  return twinpath::env_detail::at(env->devices, device);
}

DP_INLINE const dp_next_hop* dp_env_next_hop(dp_env* env, __u32 index) {
  return twinpath::env_detail::at(env->next_hops, index);
}

DP_INLINE __u32 dp_env_neighbour(dp_env* env, const dp_neighbour_key* key) {
  if (env->neighbours != nullptr) return env->neighbours->neighbour(*key);
  __u32 index = 0;
  return bpf_map_lookup_elem(env->neighbours_map, key, &index) == 0 ? index : 0;
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

DP_INLINE dp_budget_window* dp_env_budget_window(dp_env* env, __u32 kind, __u32 port) {
  return twinpath::env_detail::at(env->budgets, std::size_t{kind} * DP_PORTS_MAX + port);
}

DP_INLINE void dp_env_count_rule(dp_env* env, __u32 rule, __u64 packets, __u64 bytes, __u64 flows) {
  if (rule != 0 && rule < env->rule_counts.size()) dp_rule_counters_add(&env->rule_counts[rule], packets, bytes, flows);
}
