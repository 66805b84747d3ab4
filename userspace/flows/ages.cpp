#include "flows/ages.hpp"

namespace twinpath {

void FlowAges::note(std::uint32_t slot, std::uint32_t control, std::uint32_t now) {
  Seen& seen = seen_[slot];
  if ((control & DP_FLOW_LIVE) == 0) {
    seen.version = 0;
    return;
  }
  const std::uint32_t version = (control >> DP_FLOW_VERSION_SHIFT) + 1;
  if (seen.version != version) seen = {version, now};
}

void FlowAges::update(const TableView& table, std::uint32_t bucket, std::uint32_t now) {
  seen_.resize(table.slot_count());
  const auto& words = table.v4.empty() ? table.v6[bucket].control : table.v4[bucket].control;
  for (std::uint32_t lane = 0; lane < DP_FLOW_LANES; ++lane)
    note(bucket * DP_FLOW_LANES + lane, __atomic_load_n(&words[lane], __ATOMIC_RELAXED), now);
}

std::uint32_t FlowAges::age(std::uint64_t id, std::uint32_t now) const {
  const std::uint64_t slot = id >> kFlowVersionBits;
  const auto version = static_cast<std::uint32_t>(id & ((1U << kFlowVersionBits) - 1)) + 1;
  if (slot >= seen_.size() || seen_[slot].version != version) return 0;
  return now - seen_[slot].since;
}

}  // namespace twinpath
