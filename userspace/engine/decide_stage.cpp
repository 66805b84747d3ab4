#include "engine/decide_stage.hpp"

#include "engine/env.hpp"
#include "engine/related.hpp"
// behind the lookups they call
#include "common/decide/decide.h"

namespace twinpath {

void DecideStage::run(std::span<Item> burst, std::uint32_t) noexcept {
  for (Item& item : burst) {
    if (item.undecided()) decide(item);
  }
}

// A fragment has the facts of its whole datagram by now, so it is decided as if it were no fragment.
void DecideStage::decide(Item& item) noexcept {
  constexpr __u32 kFragment = DP_PACKET_FRAGMENT | DP_PACKET_FIRST_FRAGMENT;
  dp_packet& packet = item.context.packet;
  // The port may have gone, or be in another zone now, since the packet was read: it may have waited.
  const dp_port* port = dp_env_port(&env_, packet.ingress);
  if (port == nullptr || (port->flags & DP_PORT_PRESENT) == 0) return item.drop(DP_STALE_STEER);
  packet.zone = port->zone;
  const __u32 flags = packet.flags;
  packet.flags = flags & ~kFragment;
  item.reason = dp_decide(&env_, &item.context);
  packet.flags = flags;
  if (item.reason == DP_STEER_ICMP_ERROR) item.reason = relate(env_, item);
  if (item.context.match.rule != 0 && !item.again) counters_.rules[item.context.match.rule].add(item.frame.length);
  const dp_verdict verdict = dp_reason_verdict(static_cast<dp_reason>(item.reason));
  if (verdict == DP_DROP) item.fate = Fate::drop;
  // The kernel passes what is the host's. Here it means that the tables have changed since the packet was steered.
  if (verdict == DP_PASS) item.drop(DP_STALE_STEER);
}

}  // namespace twinpath
