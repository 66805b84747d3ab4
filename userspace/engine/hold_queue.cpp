#include "engine/hold_queue.hpp"

#include <algorithm>
#include <bit>

#include "common/flow/hash.h"

namespace twinpath {
namespace {

constexpr std::uint32_t kTotalMax = UINT16_MAX;  // a flow counter has 16 bits

std::size_t hash_of(const AwaitedNeighbour& neighbour) noexcept {
  const auto& word = neighbour.address.word;
  std::uint64_t hash = dp_hash_add(neighbour.family, std::uint64_t{word[0]} << 32 | word[1]);
  hash = dp_hash_add(hash, std::uint64_t{word[2]} << 32 | word[3]);
  hash =
      dp_hash_add(hash, std::uint64_t{neighbour.mtu} << 32 | std::uint64_t{neighbour.port} << 16 | neighbour.next_hop);
  return dp_hash_end(hash);
}

std::size_t count_index_of(std::uint8_t family, std::uint32_t slot, std::size_t counts) noexcept {
  return dp_hash_end(dp_hash_add(family, slot)) & (counts - 1);
}

bool is_of_flow(const Item& item, std::uint8_t family, std::uint32_t slot) noexcept {
  const dp_context& context = item.context;
  return context.known != 0 && context.packet.family == family && context.view.slot == slot;
}

}  // namespace

HoldQueue::HoldQueue(std::uint32_t total, std::uint32_t per_neighbour)
    : neighbours_(std::bit_ceil(std::size_t{std::clamp(total, 1U, kTotalMax)} * 2)),
      total_(std::min(total, kTotalMax)),
      per_neighbour_(per_neighbour) {
  waiting_.reserve(total_);
}

HoldQueue::NeighbourCount& HoldQueue::count_of(const AwaitedNeighbour& neighbour) noexcept {
  std::size_t at = hash_of(neighbour);
  for (;; ++at) {
    NeighbourCount& entry = neighbours_[at & (neighbours_.size() - 1)];
    if (entry.count == 0) entry.neighbour = neighbour;
    if (entry.neighbour == neighbour) return entry;
  }
}

void HoldQueue::count(const Waiting& waiting) noexcept {
  ++count_of(waiting.neighbour).count;
  const dp_context& context = waiting.item.context;
  ++port_counts_[context.packet.ingress];
  if (context.known != 0) ++flow_counts_[count_index_of(context.packet.family, context.view.slot, kFlowCounts)];
}

void HoldQueue::count_again() noexcept {
  std::fill(neighbours_.begin(), neighbours_.end(), NeighbourCount{});
  flow_counts_.fill(0);
  port_counts_.fill(0);
  for (const Waiting& waiting : waiting_) count(waiting);
}

bool HoldQueue::hold(const Item& item, const AwaitedNeighbour& neighbour, std::uint32_t now, bool failed) noexcept {
  if (port_counts_[item.context.packet.ingress] >= total_ - waiting_.size()) return false;
  if (count_of(neighbour).count >= per_neighbour_) return false;
  waiting_.push_back({item, neighbour, now, now, failed});
  count(waiting_.back());
  return true;
}

bool HoldQueue::waits_for_flow(std::uint8_t family, std::uint32_t slot) const noexcept {
  if (flow_counts_[count_index_of(family, slot, kFlowCounts)] == 0) return false;
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& waiting) { return is_of_flow(waiting.item, family, slot); });
}

}  // namespace twinpath
