#include "engine/related.hpp"

#include "engine/env.hpp"
// behind the lookups they call
#include "common/decide/decide.h"
#include "common/parse/quote.h"

namespace twinpath {
namespace {

// A packet in the opposite direction of `quoted`, as it would come in by the port where the error came in.
dp_packet reply_to(const dp_packet& quoted, const dp_packet& error) noexcept {
  dp_packet packet = error;
  packet.source = quoted.destination;
  packet.destination = quoted.source;
  packet.source_port = quoted.destination_port;
  packet.destination_port = quoted.source_port;
  packet.protocol = quoted.protocol;
  packet.icmp_type = static_cast<__u8>(dp_ntohs(packet.destination_port) >> 8);
  packet.flags &= ~static_cast<__u32>(DP_PACKET_ICMP_ERROR);
  return packet;
}

// The error's own source address must pass the source check of the port.
int check_source(dp_env& env, dp_context& error) noexcept {
  dp_route_query_reverse(env.settings, &error, 0, &error.back);
  dp_route_find(&env, &error.back);
  return dp_source_valid(&env, &error);
}

// Finds the half of the flow's opposite direction and its route. Refreshes a stale half, as a packet of it would.
int follow(dp_env& env, dp_context& reply) noexcept {
  if (dp_flow_find(&env, &reply.packet, &reply.view) == 0) return DP_UNSOLICITED_ICMP;
  if ((reply.view.link & DP_FLOW_REWRITE) != 0) return DP_UNSOLICITED_ICMP;
  dp_operation_clear(&reply.operation);
  int reason = dp_look_along(&env, &reply);
  // The route leads into another zone: a packet of the flow itself moves it.
  if (reason == DP_LOOK_NEW || reason == DP_LOOK_MOVED) reason = DP_UNSOLICITED_ICMP;
  return dp_commit_flow(&env, &reply, reason);
}

}  // namespace

int relate(dp_env& env, Item& item) noexcept {
  dp_context& error = item.context;
  dp_packet quoted;
  item.related = true;
  if ((error.packet.flags & DP_PACKET_FRAGMENT) != 0) return DP_UNSOLICITED_ICMP;
  const std::uint8_t* frame = item.frame.data;
  if (dp_parse_quote(frame, frame + item.frame.length, &error.packet, &quoted) != DP_NONE) return DP_UNSOLICITED_ICMP;
  if (dp_is_later_fragment(&quoted) || dp_address_equal(&quoted.source, &error.packet.destination) == 0)
    return DP_UNSOLICITED_ICMP;
  if (const int reason = check_source(env, error); reason != DP_NONE) return reason;
  dp_context reply = error;
  reply.packet = reply_to(quoted, error.packet);
  const int reason = follow(env, reply);
  error.view = reply.view;
  error.next_hop = reply.next_hop;
  error.known = dp_engine_sends(&error.packet, reason) != 0 ? 1 : 0;
  return reason;
}

}  // namespace twinpath
