#include "flows/recovery.hpp"

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
  const dp_settings settings = settings_for(table_, {});
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

}  // namespace twinpath
