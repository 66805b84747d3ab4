#include "pipeline/holding_pen.hpp"

#include <algorithm>

namespace twinpath {

HoldingPen::HoldingPen(std::uint32_t total, std::uint32_t per_neighbour) : total_(total), per_neighbour_(per_neighbour) {
  waiting_.reserve(total);
}

bool HoldingPen::hold(const Item& item, const AwaitedNeighbour& neighbour, std::uint32_t now) noexcept {
  if (waiting_.size() >= total_) return false;
  const auto same = std::count_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.neighbour == neighbour; });
  if (same >= static_cast<std::ptrdiff_t>(per_neighbour_)) return false;
  waiting_.push_back({item, neighbour, now});
  return true;
}

bool HoldingPen::waits_for_flow(std::uint8_t family, std::uint32_t slot) const noexcept {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
    const dp_context& context = waiting.item.context;
    return context.known != 0 && context.packet.family == family && context.view.slot == slot;
  });
}

}  // namespace twinpath
