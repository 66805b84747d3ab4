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

// SYN, FIN and RST are judged by what the other direction has acknowledged (common/flow/track.h).
void DecideStage::tell_acknowledgements(const dp_packet& packet) noexcept {
  if (packet.protocol != DP_PROTOCOL_TCP || (packet.tcp_flags & (DP_TCP_SYN | DP_TCP_FIN | DP_TCP_RST)) == 0) return;
  dp_flow_view view;
  if (!tally_.empty() && dp_flow_find(&env_, &packet, &view) != 0) tally_.flush(packet.family, view);
}

// The reassembly stage has given each fragment the facts of its datagram: a fragment is decided like a whole packet.
void DecideStage::decide(Item& item) noexcept {
  constexpr __u32 kFragment = DP_PACKET_FRAGMENT | DP_PACKET_FIRST_FRAGMENT;
  dp_packet& packet = item.context.packet;
  // A packet that was held may have come in by a port that is gone now, or that is in another zone.
  const dp_port* port = dp_env_port(&env_, packet.ingress);
  if (port == nullptr || (port->flags & DP_PORT_PRESENT) == 0) return item.drop(DP_STALE_STEER);
  packet.zone = port->zone;
  const __u32 flags = packet.flags;
  packet.flags = flags & ~kFragment;
  tell_acknowledgements(packet);
  item.reason = dp_decide(&env_, &item.context);
  packet.flags = flags;
  if (item.reason == DP_STEER_ICMP_ERROR) item.reason = relate(env_, item);
  if (!item.again) dp_count_outcome(&env_, &item.context, item.reason);
  const dp_verdict verdict = dp_reason_verdict(static_cast<dp_reason>(item.reason));
  if (verdict == DP_DROP) item.fate = Fate::drop;
  // The kernel datapath passes packets for the host by itself. One found here was steered under older tables.
  if (verdict == DP_PASS) item.drop(DP_STALE_STEER);
}

}  // namespace twinpath
