// flow_inspection.hpp - is a flow table in order, when nobody writes to it?
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "harness/flow_env.hpp"

namespace twinpath::test {

struct FlowInspection {
  std::uint64_t live = 0;
  std::uint64_t packets = 0;  // counted on live halves
  // faults
  std::uint64_t transitional = 0;
  std::uint64_t half_pairs = 0;
  std::uint64_t duplicates = 0;  // halves with the key of another one
};

namespace inspection_detail {

// Does each half name the other one, in the version that it has?
inline bool is_whole_pair(flow_env& env, std::uint8_t family, std::uint32_t slot, std::uint32_t control) {
  dp_flow_view view{}, partner{};
  dp_flow_view_slot(&env, family, slot, control, &view);
  return dp_flow_view_slot(&env, family, view.partner, view.link, &partner) != 0 && partner.partner == slot &&
         ((partner.link ^ view.link) & DP_FLOW_FORWARD) != 0 && dp_flow_same_version(partner.link, control) != 0 &&
         dp_flow_same_version(partner.control, view.link) != 0;
}

inline std::uint64_t packets_of(const __u64& recent, const dp_flow_cold& cold) {
  __u64 packets = 0, bytes = 0;
  dp_traffic_read(&recent, &cold.carried, &packets, &bytes);
  return packets;
}

}  // namespace inspection_detail

inline FlowInspection inspect_flows(flow_env& env, std::uint8_t family, std::uint32_t slot_count) {
  const bool v4 = family == DP_FAMILY_V4;
  const std::size_t key_bytes = (v4 ? sizeof(dp_flow_key4) : sizeof(dp_flow_key6)) - sizeof(__u16);
  FlowInspection found;
  std::unordered_map<std::string, int> keys;
  for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
    const std::uint32_t control = v4 ? *dp_flow_control4(&env, slot) : *dp_flow_control6(&env, slot);
    if (dp_flow_state_of(control) == DP_FLOW_EMPTY) continue;
    if (!dp_flow_is_live(control)) {
      ++found.transitional;
      continue;
    }
    ++found.live;
    found.packets += inspection_detail::packets_of(
        v4 ? dp_flow_entry4(&env, slot)->recent : dp_flow_entry6(&env, slot)->recent, env.cold[slot]);
    const void* key = v4 ? static_cast<void*>(dp_flow_entry4(&env, slot)) : dp_flow_entry6(&env, slot);
    if (keys[std::string(static_cast<const char*>(key), key_bytes)]++ > 0) ++found.duplicates;
    if (!inspection_detail::is_whole_pair(env, family, slot, control)) ++found.half_pairs;
  }
  return found;
}

}  // namespace twinpath::test
