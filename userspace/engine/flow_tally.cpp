#include "engine/flow_tally.hpp"

#include "engine/env.hpp"
// behind the lookups they call
#include "common/flow/notes.h"

namespace twinpath {
namespace {

constexpr std::uint32_t kEntries = 16384;        // 512 KiB: of a thousand flows about thirty share an entry
constexpr std::uint32_t kPacketsMax = 1U << 20;  // far below what one call of dp_flow_count can add

// The version of a control word, with the family in place of the state. States and families are below 8.
std::uint32_t tag_of(std::uint8_t family, std::uint32_t control) noexcept {
  return (control & DP_FLOW_VERSION_MASK) | family;
}

}  // namespace

FlowTally::FlowTally(dp_env& env) : env_(env), entries_(kEntries) {}

void FlowTally::count(std::uint8_t family, const dp_flow_view& view, std::uint32_t bytes, std::uint32_t now,
                      __be32 acked) noexcept {
  Entry& entry = entries_[view.slot % kEntries];
  const std::uint32_t control = tag_of(family, view.control);
  if (entry.slot != view.slot || entry.control != control || entry.packets >= kPacketsMax) {
    flush(entry);
    entry.slot = view.slot;
    entry.control = control;
  }
  ++entry.packets;
  entry.bytes += bytes;
  entry.seen = now;
  if (acked != 0) entry.acked = acked;
  empty_ = false;
}

void FlowTally::flush() noexcept {
  if (empty_) return;
  for (Entry& entry : entries_) flush(entry);
  empty_ = true;
}

void FlowTally::flush(std::uint8_t family, const dp_flow_view& view) noexcept {
  for (const std::uint32_t slot : {view.slot, view.partner}) {
    Entry& entry = entries_[slot % kEntries];
    if (entry.slot == slot && (entry.control & DP_FLOW_STATE_MASK) == family) flush(entry);
  }
}

void FlowTally::flush(Entry& entry) noexcept {
  if (entry.packets == 0) return;
  const auto family = static_cast<std::uint8_t>(entry.control & DP_FLOW_STATE_MASK);
  if (dp_flow_still(&env_, family, entry.slot, entry.control) != 0) {
    dp_flow_count(&env_, family, entry.slot, entry.packets, entry.bytes, entry.seen);
    if (entry.acked != 0) dp_flow_store_acked(&env_, family, entry.slot, entry.acked);
  }
  entry.packets = 0;
  entry.bytes = 0;
  entry.acked = 0;
}

}  // namespace twinpath
