#include "engine/hold_stage.hpp"

#include "engine/env.hpp"
// behind the lookups they call
#include "common/decide/decide.h"

namespace twinpath {

void HoldStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (!item.undecided()) continue;
    const bool overtakes = !queue_.empty() && item.context.known != 0 &&
                           queue_.waits_for_flow(item.context.packet.family, item.context.view.slot);
    const bool sent = dp_engine_sends(&item.context.packet, item.reason) != 0;
    if (item.reason == DP_STEER_NEIGHBOUR || (overtakes && sent)) hold(item, now);
  }
}

AwaitedNeighbour HoldStage::awaited(const Item& item) noexcept {
  const dp_context& context = item.context;
  AwaitedNeighbour neighbour;
  neighbour.family = context.packet.family;
  neighbour.next_hop = context.next_hop;
  if (neighbour.next_hop != 0) return neighbour;
  dp_route_query query{};
  dp_route_query_forward(env_.settings, &context, &query);
  query.address = context.view.new_destination;
  dp_route_find(&env_, &query);
  neighbour.port = query.port;
  neighbour.next_hop = query.next_hop;
  if (query.next_hop != 0) return neighbour;
  neighbour.address = query.address;
  const dp_path* path = query.kind == DP_ROUTE_VIA ? dp_env_path(&env_, query.path) : nullptr;
  if (path != nullptr) neighbour.mtu = path->mtu;
  return neighbour;
}

void HoldStage::hold(Item& item, std::uint32_t now) noexcept {
  const AwaitedNeighbour neighbour = awaited(item);
  requests_.request(neighbour);
  if (!queue_.hold(item, neighbour, now, has_failed(neighbour.next_hop))) return item.drop(DP_HOLD_FULL);
  if (!item.again) counters_.held.add(item.frame.length);
  item.fate = Fate::held;
}

void HoldStage::request_again(Waiting& waiting, std::uint32_t now) noexcept {
  if (now - waiting.requested < env_.settings->ticks_per_second) return;
  waiting.requested = now;
  requests_.request(awaited(waiting.item));  // the packet may have another next hop by now
}

bool HoldStage::has_failed(std::uint16_t next_hop) noexcept {
  const dp_next_hop* hop = next_hop != 0 ? dp_env_next_hop(&env_, next_hop) : nullptr;
  return hop != nullptr && (hop->flags & DP_NEXT_HOP_FAILED) != 0;
}

bool HoldStage::newly_failed(Waiting& waiting) noexcept {
  const bool before = waiting.failed;
  waiting.failed = has_failed(waiting.item.context.next_hop);
  return waiting.failed && !before;
}

}  // namespace twinpath
