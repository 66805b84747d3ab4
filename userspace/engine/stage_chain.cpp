#include "engine/stage_chain.hpp"

#include <algorithm>

#include "engine/env.hpp"

namespace twinpath {

StageChain::StageChain(dp_env& env, afxdp::FrameIo& io, NeighbourRequests& requests, EngineCounters& counters,
                       FlowTally& tally, const ChainLimits& limits)
    : read_(env, counters),
      reassembly_(limits.reassembly, env.settings->v4.seed, env.settings->ticks_per_second),
      decide_(env, tally),
      hold_(env, requests, counters, limits.hold_total, limits.hold_per_neighbour),
      error_reply_(env, io, counters),
      forward_(env),
      fragment_(env, io, counters),
      stages_{&read_, &reassembly_, &decide_, &hold_, &error_reply_, &forward_, &fragment_} {}

void StageChain::run_behind(const Stage& stage, std::span<Item> items, std::uint32_t now) noexcept {
  const auto waited = std::find(stages_.begin(), stages_.end(), &stage);
  if (waited != stages_.end()) run({waited + 1, stages_.end()}, items, now);
}

}  // namespace twinpath
