#include "pipeline/flow_scan.hpp"

#include <algorithm>
#include <cstring>

#include "pipeline/flow_env.hpp"

namespace twinpath {
namespace {

// What the two families call their verbs.
struct V4 {
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
  static bool expired(flow_env* env, std::uint32_t slot, std::uint32_t state, std::uint32_t now) {
    return dp_flow_expired4(env, slot, state, now) != 0;
  }
  static dp_address address(const __be32& word) { return {{word, 0, 0, 0}}; }
  static std::uint32_t created(const Entry&) { return 0; }
};

struct V6 {
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
  static bool expired(flow_env* env, std::uint32_t slot, std::uint32_t state, std::uint32_t now) {
    return dp_flow_expired6(env, slot, state, now) != 0;
  }
  static dp_address address(const __be32 (&word)[4]) { return {{word[0], word[1], word[2], word[3]}}; }
  static std::uint32_t created(const Entry& entry) { return DP_LOAD(&entry.created); }
};

template <class Work>
auto for_family(const TableView& table, Work work) {
  return table.family == DP_FAMILY_V4 ? work(V4{}) : work(V6{});
}

dp_settings settings_for(const TableView& table, const dp_timeouts& timeouts) {
  dp_settings settings{};
  settings.v4 = settings.v6 = table.shape;
  settings.timeouts = timeouts;
  return settings;
}

flow_env env_for(const TableView& table, const dp_settings& settings) { return {&settings, table.v4, table.v6}; }

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

bool is_live(std::uint32_t control) { return dp_flow_is_live(control) != 0; }

bool is_transitional(std::uint32_t control) { return !is_live(control) && dp_flow_state_of(control) != DP_FLOW_EMPTY; }

// Swaps only when the word is still what it was when the decision was made.
bool swap_word(std::uint32_t* word, std::uint32_t before, std::uint32_t after) {
  return word != nullptr && DP_COMPARE_SWAP(word, before, after) == before;
}

// ---- expiry

bool far_behind(std::uint16_t current, std::uint16_t then) {
  return static_cast<std::uint16_t>(current - then) > 1 << 14;
}

template <class Entry>
void retire_stamp(Entry& entry, std::uint32_t current) {
  const std::uint32_t stamp = DP_LOAD(&entry.stamp);
  if (stamp == 0) return;
  const auto high = [](std::uint32_t word) { return static_cast<std::uint16_t>(word >> 16); };
  const auto low = [](std::uint32_t word) { return static_cast<std::uint16_t>(word); };
  if (far_behind(high(current), high(stamp)) || far_behind(low(current), low(stamp)))
    (void)DP_COMPARE_SWAP(&entry.stamp, stamp, 0);
}

std::uint32_t shortest(const dp_timeouts& t) {
  return std::min({t.tcp_syn, t.tcp_established, t.tcp_closing, t.tcp_reset, t.udp, t.udp_stream, t.icmp, t.other});
}

void count_state(ExpiryCounts& counts, std::uint32_t control) {
  ++counts.live;
  switch (dp_flow_state_of(control)) {
    case DP_FLOW_HALF_OPEN: ++counts.half_open; break;
    case DP_FLOW_ASSURED: ++counts.assured; break;
    default: ++counts.closing; break;
  }
}

template <class Family>
bool expire_master(flow_env* env, std::uint32_t slot, std::uint32_t control, std::uint32_t now) {
  dp_flow_pair pair{};
  if (!Family::expired(env, slot, dp_flow_state_of(control), now) || !Family::pair_at(env, slot, control, &pair))
    return false;
  dp_flow_view view{};
  view.slot = slot;
  view.control = control;
  view.partner = pair.slave;
  view.link = pair.slave_version | DP_FLOW_MASTER;
  return Family::delete_idle(env, &view, now) != 0;
}

template <class Family>
ExpiryCounts expire_family(const TableView& table, std::uint32_t now, const dp_timeouts& timeouts,
                           std::uint32_t stamp) {
  const dp_settings settings = settings_for(table, timeouts);
  flow_env env = env_for(table, settings);
  const std::uint32_t soonest = shortest(timeouts);
  ExpiryCounts counts;
  each_slot<Family>(table, is_live, [&](std::uint32_t slot, std::uint32_t control) {
    auto& entry = *Family::entry(&env, slot);
    retire_stamp(entry, stamp);
    if ((DP_LOAD(&entry.link) & DP_FLOW_MASTER) == 0) return;
    // most flows are far from any timeout: they need no look at the other half, which lies elsewhere in memory
    const bool old = dp_flow_idle(now, DP_LOAD(&entry.seen)) >= soonest;
    if (old && expire_master<Family>(&env, slot, control, now))
      ++counts.expired;
    else
      count_state(counts, control);
  });
  return counts;
}

// ---- recovery

// A pending or dying master that nobody works on: its slave, if it still has one, and itself.
template <class Family>
std::uint64_t release_pair(flow_env* env, std::uint32_t slot, std::uint32_t control) {
  dp_flow_pair pair{};
  const std::uint32_t dying = dp_flow_with_state(control, DP_FLOW_DYING);
  std::uint32_t* master = Family::control(env, slot);
  if (!swap_word(master, control, dying) || !Family::pair_at(env, slot, dying, &pair)) return 0;
  std::uint64_t released = 0;
  if (std::uint32_t* slave = Family::control(env, pair.slave)) {
    const std::uint32_t word = DP_LOAD(slave);
    const bool ours = dp_flow_same_version(word, pair.slave_version) && is_live(word);
    if (ours && swap_word(slave, word, dp_flow_released(word))) ++released;
  }
  return released + (swap_word(master, dying, dp_flow_released(dying)) ? 1 : 0);
}

template <class Family>
std::uint64_t release_stuck(flow_env* env, std::uint32_t slot, std::uint32_t control) {
  if (DP_LOAD(Family::control(env, slot)) != control) return 0;
  if (dp_flow_state_of(control) != DP_FLOW_CLAIMED) return release_pair<Family>(env, slot, control);
  return swap_word(Family::control(env, slot), control, dp_flow_released(control)) ? 1 : 0;
}

// A live half whose partner is gone is removed; a slave that lags behind its master catches up.
template <class Family>
bool remove_half_pair(flow_env* env, std::uint32_t slot, std::uint32_t control) {
  dp_flow_pair pair{};
  if (!Family::pair_at(env, slot, control, &pair)) return false;
  const bool master = slot == pair.master;
  const std::uint32_t* other = Family::control(env, master ? pair.slave : pair.master);
  const std::uint32_t word = other != nullptr ? DP_LOAD(other) : 0;
  const std::uint32_t expected = master ? pair.slave_version : pair.master_version;
  // a master in transition is the kernel's at this moment; what was stuck has been released before
  const bool there =
      other != nullptr && dp_flow_same_version(word, expected) && dp_flow_state_of(word) != DP_FLOW_EMPTY;
  if (there) {
    Family::mirror(env, &pair);
    return false;
  }
  return swap_word(Family::control(env, slot), control, dp_flow_released(control));
}

template <class Family>
bool let_go(flow_env* env, const TableView& table, std::uint32_t slot, std::uint32_t control) {
  const std::uint32_t link = DP_LOAD(&Family::entry(env, slot)->link);
  return (link & DP_FLOW_HELD) != 0 && dp_flow_change_flags(env, table.family, slot, control, 0, DP_FLOW_HELD) != 0;
}

// ---- snapshots

void read_traffic(const dp_flow_traffic& traffic, FlowHalfSnapshot& half) {
  __u64 packets = 0, bytes = 0;
  dp_traffic_read(&traffic, (half.flags & DP_FLOW_SEQUENCE) == 0 ? 1 : 0, &packets, &bytes);
  half.packets = packets;
  half.bytes = bytes;
}

template <class Family>
FlowHalfSnapshot copy_half(const typename Family::Entry& entry) {
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
  half.rule = copy.rule;
  half.flags = copy.link & DP_FLOW_FLAGS_MASK;
  half.stamp = copy.stamp;
  half.seen = copy.seen;
  read_traffic(entry.traffic, half);
  return half;
}

// Both halves while the master's word vouches for them; nothing when `control` is no live master's word any more.
template <class Family>
std::optional<FlowSnapshot> snapshot(flow_env* env, const TableView& table, std::uint32_t slot, std::uint32_t control) {
  dp_flow_pair pair{};
  const auto* entry = Family::entry(env, slot);
  if (!Family::pair_at(env, slot, control, &pair) || pair.master != slot) return std::nullopt;
  const auto* other = Family::entry(env, pair.slave);
  if (other == nullptr) return std::nullopt;
  FlowSnapshot flow;
  flow.id = flow_id(slot, control);
  flow.family = table.family;
  flow.protocol = DP_LOAD(&entry->key.protocol);
  flow.created = Family::created(*entry);
  flow.forward = copy_half<Family>(*entry);
  flow.reverse = copy_half<Family>(*other);
  DP_COMPILER_BARRIER();  // arm64: load barrier
  // the slave is given back only after its master is dying, so a master that is still live vouches for both copies
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
    if (!is_live(control) || (DP_LOAD(&Family::entry(env, slot)->link) & DP_FLOW_MASTER) == 0) return std::nullopt;
    if (auto flow = snapshot<Family>(env, table, slot, control)) return flow;
  }
  return std::nullopt;
}

constexpr dp_timeouts kNoTimeouts{};

constexpr std::uint64_t slot_of(std::uint64_t id) { return id >> kFlowVersionBits; }

}  // namespace

ExpiryCounts expire_flows(const TableView& table, std::uint32_t now, const dp_timeouts& timeouts, std::uint32_t stamp) {
  return for_family(table, [&](auto family) { return expire_family<decltype(family)>(table, now, timeouts, stamp); });
}

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
      else if (let_go<Family>(&env, table_, slot, control))
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
         (view.link & DP_FLOW_MASTER) != 0 && dp_flow_delete(&env, table.family, &view) != 0;
}

}  // namespace twinpath
