#include "engine/flow_tally.hpp"

#include "engine/env.hpp"
// behind the lookups they call
#include "common/flow/notes.h"

namespace twinpath {
namespace {

constexpr std::uint32_t kPlaces = 16384;          // 384 KiB: of a thousand flows thirty share a place
constexpr std::uint32_t kPacketsMost = 1U << 20;  // far from what dp_flow_count can add at a time

// Version and family in a word. States and families are below 8.
std::uint32_t mark(std::uint8_t family, std::uint32_t control) noexcept {
  return (control & DP_FLOW_VERSION_MASK) | family;
}

}  // namespace

FlowTally::FlowTally(dp_env& env) : env_(env), places_(kPlaces) {}

void FlowTally::count(std::uint8_t family, const dp_flow_view& view, std::uint32_t bytes, std::uint32_t now) noexcept {
  Place& place = places_[view.slot % kPlaces];
  const std::uint32_t control = mark(family, view.control);
  if (place.slot != view.slot || place.control != control || place.packets >= kPacketsMost) {
    settle(place);
    place.slot = view.slot;
    place.control = control;
  }
  ++place.packets;
  place.bytes += bytes;
  place.seen = now;
  empty_ = false;
}

void FlowTally::settle() noexcept {
  if (empty_) return;
  for (Place& place : places_) settle(place);
  empty_ = true;
}

void FlowTally::settle(Place& place) noexcept {
  if (place.packets == 0) return;
  const auto family = static_cast<std::uint8_t>(place.control & DP_FLOW_STATE_MASK);
  if (dp_flow_still(&env_, family, place.slot, place.control) != 0)
    dp_flow_count(&env_, family, place.slot, place.packets, place.bytes, place.seen);
  place.packets = 0;
  place.bytes = 0;
}

}  // namespace twinpath
