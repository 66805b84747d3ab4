#include "telemetry/flow_ages.hpp"

namespace twinpath {
namespace {

template <class Buckets, class Visit>
void each_control(const Buckets& buckets, Visit visit) {
  std::uint32_t slot = 0;
  for (auto& bucket : buckets) {
    for (const std::uint32_t& word : bucket.control) visit(slot++, __atomic_load_n(&word, __ATOMIC_RELAXED));
  }
}

}  // namespace

void FlowAges::update(const TableView& table, std::uint32_t now) {
  seen_.resize(table.slot_count());
  const auto note = [&](std::uint32_t slot, std::uint32_t control) {
    Seen& seen = seen_[slot];
    if ((control & DP_FLOW_LIVE) == 0) {
      seen.version = 0;
      return;
    }
    const std::uint32_t version = (control >> DP_FLOW_VERSION_SHIFT) + 1;
    if (seen.version != version) seen = {version, now};
  };
  each_control(table.v4, note);
  each_control(table.v6, note);
}

std::uint32_t FlowAges::age(std::uint64_t id, std::uint32_t now) const {
  const std::uint64_t slot = id >> kFlowVersionBits;
  const auto version = static_cast<std::uint32_t>(id & ((1U << kFlowVersionBits) - 1)) + 1;
  if (slot >= seen_.size() || seen_[slot].version != version) return 0;
  return now - seen_[slot].since;
}

}  // namespace twinpath
