#include "flows/scan.hpp"

#include <cstring>

#include "flows/family.hpp"

namespace twinpath {
namespace {

using namespace flow_detail;

// Calls visit(slot, control) for each slot whose control word `wanted` accepts, in memory order.
template <class Family, class Wanted, class Visit>
void each_slot(const TableView& table, Wanted wanted, Visit visit) {
  std::uint32_t slot = 0;
  for (auto& bucket : Family::buckets(table)) {
    for (std::uint32_t& word : bucket.control) {
      const std::uint32_t control = DP_LOAD(&word);
      if (wanted(control)) visit(slot, control);
      ++slot;
    }
  }
}

bool is_transitional(std::uint32_t control) { return !is_live(control) && dp_flow_state_of(control) != DP_FLOW_EMPTY; }

// Swaps only when the word is still what it was when the decision was made.
bool swap_word(std::uint32_t* word, std::uint32_t before, std::uint32_t after) {
  return word != nullptr && DP_COMPARE_SWAP(word, before, after) == before;
}

// ---- recovery

// A pending or dying forward entry that no writer works on: its reverse entry, if it still has one, and itself.
template <class Family>
std::uint64_t release_pair(flow_env* env, std::uint32_t slot, std::uint32_t control) {
  dp_flow_pair pair{};
  const std::uint32_t dying = dp_flow_with_state(control, DP_FLOW_DYING);
  std::uint32_t* forward = Family::control(env, slot);
  if (!swap_word(forward, control, dying) || !Family::pair_at(env, slot, dying, &pair)) return 0;
  std::uint64_t released = 0;
  if (std::uint32_t* reverse = Family::control(env, pair.reverse)) {
    const std::uint32_t word = DP_LOAD(reverse);
    const bool ours = dp_flow_same_version(word, pair.reverse_version) && is_live(word);
    if (ours && swap_word(reverse, word, dp_flow_released(word))) ++released;
  }
  return released + (swap_word(forward, dying, dp_flow_released(dying)) ? 1 : 0);
}

template <class Family>
std::uint64_t release_stuck(flow_env* env, std::uint32_t slot, std::uint32_t control) {
  if (DP_LOAD(Family::control(env, slot)) != control) return 0;
  if (dp_flow_state_of(control) != DP_FLOW_CLAIMED) return release_pair<Family>(env, slot, control);
  return swap_word(Family::control(env, slot), control, dp_flow_released(control)) ? 1 : 0;
}

// A live half whose partner is gone is removed; a reverse entry takes over the state of its forward entry.
template <class Family>
bool remove_half_pair(flow_env* env, std::uint32_t slot, std::uint32_t control) {
  dp_flow_pair pair{};
  if (!Family::pair_at(env, slot, control, &pair)) return false;
  const bool forward = slot == pair.forward;
  const std::uint32_t* other = Family::control(env, forward ? pair.reverse : pair.forward);
  const std::uint32_t word = other != nullptr ? DP_LOAD(other) : 0;
  const std::uint32_t expected = forward ? pair.reverse_version : pair.forward_version;
  // a forward entry in transition is the kernel's at this moment; what was stuck has been released before
  const bool there =
      other != nullptr && dp_flow_same_version(word, expected) && dp_flow_state_of(word) != DP_FLOW_EMPTY;
  if (there) {
    Family::mirror(env, &pair);
    return false;
  }
  return swap_word(Family::control(env, slot), control, dp_flow_released(control));
}

template <class Family>
bool hand_over(flow_env* env, const TableView& table, std::uint32_t slot, std::uint32_t control) {
  const std::uint32_t link = DP_LOAD(&Family::entry(env, slot)->link);
  return (link & DP_FLOW_HELD) != 0 && dp_flow_change_flags(env, table.family, slot, control, 0, DP_FLOW_HELD) != 0;
}

// ---- snapshots

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

constexpr dp_timeouts kNoTimeouts{};

constexpr std::uint64_t slot_of(std::uint64_t id) { return id >> kFlowVersionBits; }

}  // namespace

std::size_t FlowRecovery::note() {
  noted_.clear();
  for_family(table_, [&](auto family) {
    each_slot<decltype(family)>(table_, is_transitional, [&](std::uint32_t slot, std::uint32_t control) {
      noted_.push_back({slot, control});
    });
  });
  return noted_.size();
}

RecoveryCounts FlowRecovery::repair() {
  const dp_settings settings = settings_for(table_, kNoTimeouts);
  flow_env env = env_for(table_, settings);
  RecoveryCounts counts;
  for_family(table_, [&](auto family) {
    using Family = decltype(family);
    for (const Noted& noted : noted_) counts.released += release_stuck<Family>(&env, noted.slot, noted.control);
    each_slot<Family>(table_, is_live, [&](std::uint32_t slot, std::uint32_t control) {
      if (remove_half_pair<Family>(&env, slot, control))
        ++counts.half_pairs;
      else if (hand_over<Family>(&env, table_, slot, control))
        ++counts.held;
    });
  });
  noted_.clear();
  return counts;
}

RecoveryCounts recover_flows(const TableView& table, const std::function<void()>& wait) {
  FlowRecovery recovery{table};
  if (recovery.note() != 0) wait();
  return recovery.repair();
}

std::uint32_t walk_flows(const TableView& table, std::uint32_t cursor, std::size_t limit,
                         const std::function<void(const FlowSnapshot&)>& visit) {
  const dp_settings settings = settings_for(table, kNoTimeouts);
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
  const dp_settings settings = settings_for(table, kNoTimeouts);
  flow_env env = env_for(table, settings);
  if (slot_of(id) >= table.slot_count()) return std::nullopt;
  auto flow = for_family(table, [&](auto family) {
    return snapshot_again<decltype(family)>(&env, table, static_cast<std::uint32_t>(slot_of(id)));
  });
  return flow && flow->id == id ? flow : std::nullopt;
}

bool delete_flow(const TableView& table, std::uint64_t id) {
  const dp_settings settings = settings_for(table, kNoTimeouts);
  flow_env env = env_for(table, settings);
  const std::uint32_t version = static_cast<std::uint32_t>(id) << DP_FLOW_VERSION_SHIFT;
  dp_flow_view view{};
  if (slot_of(id) >= table.slot_count()) return false;
  return dp_flow_view_slot(&env, table.family, static_cast<std::uint32_t>(slot_of(id)), version, &view) != 0 &&
         (view.link & DP_FLOW_FORWARD) != 0 && dp_flow_delete(&env, table.family, &view) != 0;
}

}  // namespace twinpath
