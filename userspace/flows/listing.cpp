#include "flows/listing.hpp"

#include <cstring>

#include "flows/family.hpp"

namespace twinpath {
namespace {

using namespace flow_detail;

void read_traffic(const __u64& recent, const __u32& carried, FlowHalfSnapshot& half) {
  __u64 packets = 0, bytes = 0;
  dp_traffic_read(&recent, &carried, &packets, &bytes);
  half.packets = packets;
  half.bytes = bytes;
}

template <class Family>
FlowHalfSnapshot copy_half(const typename Family::Entry& entry, const dp_flow_cold& cold) {
  typename Family::Entry copy{};
  std::memcpy(static_cast<void*>(&copy), &entry, sizeof(copy));
  FlowHalfSnapshot half;
  half.source = Family::address(copy.key.source);
  half.destination = Family::address(copy.key.destination);
  half.new_source = Family::address(copy.new_source);
  half.new_destination = Family::address(copy.new_destination);
  half.source_port = copy.key.source_port;
  half.destination_port = copy.key.destination_port;
  half.new_source_port = copy.new_source_port;
  half.new_destination_port = copy.new_destination_port;
  half.zone = copy.key.zone;
  half.next_hop = copy.next_hop;
  half.flags = copy.link & DP_FLOW_FLAGS_MASK;
  half.stamp = copy.stamp;
  half.seen = copy.seen;
  read_traffic(entry.recent, cold.carried, half);
  return half;
}

// Both halves while the forward entry's word vouches for them; nothing when `control` is no live forward entry's word any more.
template <class Family>
std::optional<FlowSnapshot> snapshot(flow_env* env, const TableView& table, std::uint32_t slot, std::uint32_t control) {
  dp_flow_pair pair{};
  const auto* entry = Family::entry(env, slot);
  if (!Family::pair_at(env, slot, control, &pair) || pair.forward != slot) return std::nullopt;
  const auto* other = Family::entry(env, pair.reverse);
  if (other == nullptr) return std::nullopt;
  const dp_flow_cold &cold = table.cold[slot], &other_cold = table.cold[pair.reverse];
  FlowSnapshot flow;
  flow.id = flow_id(slot, control);
  flow.family = table.family;
  flow.protocol = DP_LOAD(&entry->key.protocol);
  flow.created = DP_LOAD(&cold.created);
  flow.rule = DP_LOAD(&other_cold.rule_word) & DP_FLOW_RULE_MASK;
  flow.forward = copy_half<Family>(*entry, cold);
  flow.reverse = copy_half<Family>(*other, other_cold);
  DP_COMPILER_BARRIER();  // arm64: load barrier
  // a reverse entry is released only once its forward entry is dying: one that is still live vouches for both copies
  const std::uint32_t after = DP_LOAD(Family::control(env, slot));
  if (!dp_flow_recheck(control, after)) return std::nullopt;
  flow.state = static_cast<std::uint8_t>(dp_flow_state_of(after));
  return flow;
}

// A state that changes while the copy is made is no reason to leave a flow out of a list.
template <class Family>
std::optional<FlowSnapshot> snapshot_again(flow_env* env, const TableView& table, std::uint32_t slot) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    const std::uint32_t control = DP_LOAD(Family::control(env, slot));
    if (!is_live(control) || (DP_LOAD(&Family::entry(env, slot)->link) & DP_FLOW_FORWARD) == 0) return std::nullopt;
    if (auto flow = snapshot<Family>(env, table, slot, control)) return flow;
  }
  return std::nullopt;
}

constexpr std::uint64_t slot_of(std::uint64_t id) { return id >> kFlowVersionBits; }

}  // namespace

std::uint32_t walk_flows(const TableView& table, std::uint32_t cursor, std::size_t limit,
                         const std::function<void(const FlowSnapshot&)>& visit) {
  const dp_settings settings = settings_for(table, {});
  flow_env env = env_for(table, settings);
  return for_family(table, [&](auto family) {
    for (; cursor < table.slot_count() && limit > 0; ++cursor) {
      const auto flow = snapshot_again<decltype(family)>(&env, table, cursor);
      if (!flow) continue;
      visit(*flow);
      --limit;
    }
    return cursor;
  });
}

std::optional<FlowSnapshot> flow_at(const TableView& table, std::uint64_t id) {
  const dp_settings settings = settings_for(table, {});
  flow_env env = env_for(table, settings);
  if (slot_of(id) >= table.slot_count()) return std::nullopt;
  auto flow = for_family(table, [&](auto family) {
    return snapshot_again<decltype(family)>(&env, table, static_cast<std::uint32_t>(slot_of(id)));
  });
  return flow && flow->id == id ? flow : std::nullopt;
}

bool delete_flow(const TableView& table, std::uint64_t id) {
  const dp_settings settings = settings_for(table, {});
  flow_env env = env_for(table, settings);
  const std::uint32_t version = static_cast<std::uint32_t>(id) << DP_FLOW_VERSION_SHIFT;
  dp_flow_view view{};
  if (slot_of(id) >= table.slot_count()) return false;
  return dp_flow_view_slot(&env, table.family, static_cast<std::uint32_t>(slot_of(id)), version, &view) != 0 &&
         (view.link & DP_FLOW_FORWARD) != 0 && dp_flow_delete(&env, table.family, &view) != 0;
}

}  // namespace twinpath
