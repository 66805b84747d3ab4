#include "engine/error_reply_stage.hpp"

#include <array>
#include <cstring>

#include "engine/env.hpp"
// behind the lookups they call
#include "common/decide/decide.h"

namespace twinpath {
namespace {

// The codes of Linux: net/ipv4/route.c (ip_error), net/ipv6/route.c (ip6_pkt_discard, ip6_pkt_prohibit).
ErrorReplyKind unreachable_by(const dp_route_query& answer) noexcept {
  if (answer.kind == DP_ROUTE_PROHIBITED) return ErrorReplyKind::prohibited;
  if (answer.kind == DP_ROUTE_UNREACHABLE && answer.family == DP_FAMILY_V4) return ErrorReplyKind::host_unreachable;
  return ErrorReplyKind::no_route;
}

}  // namespace

void ErrorReplyStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (item.fate == Fate::drop && item.reason == DP_NEIGHBOUR_FAILED)
      reply(item, ErrorReplyKind::host_unreachable, now);
    if (!item.undecided()) continue;
    const bool tcp = item.context.packet.protocol == DP_PROTOCOL_TCP;
    switch (item.reason) {
      case DP_STEER_TTL:
        reply(item, ErrorReplyKind::time_exceeded, now);
        item.drop(DP_TTL_EXCEEDED);
        break;
      case DP_STEER_TOO_BIG:
        if (dp_may_fragment(&item.context.packet)) break;
        reply(item, ErrorReplyKind::too_big, now);
        item.drop(DP_TOO_BIG);
        break;
      case DP_STEER_UNREACHABLE:
        reply(item, unreachable_by(item.context.there), now);
        item.drop(DP_NO_ROUTE);
        break;
      case DP_STEER_REJECT:
        if (taken(item)) reply(item, tcp ? ErrorReplyKind::reset : ErrorReplyKind::prohibited, now);
        item.drop(DP_RULE_REJECT);
        break;
      default:
        if (!dp_engine_forwards(item.reason)) item.drop(DP_INTERNAL);
    }
  }
}

// A workload may leave its checksums unfinished: nothing can be told by them.
bool ErrorReplyStage::taken(const Item& item) const noexcept {
  const dp_port* port = dp_env_port(&env_, item.context.packet.ingress);
  return (port != nullptr && (port->flags & DP_PORT_WORKLOAD) != 0) ||
         transport_checksum_right({item.frame.data, item.frame.length}, item.context.packet);
}

bool ErrorReplyStage::may_send(const Item& item, ErrorReplyKind kind, std::uint32_t now) noexcept {
  const dp_packet& packet = item.context.packet;
  const dp_port* ingress = dp_env_port(&env_, packet.ingress);
  const dp_port_macs* further = dp_env_port_macs(&env_, packet.ingress);
  if (ingress == nullptr || !may_reply(packet, kind)) return false;
  std::array<MacAddress, 1 + DP_PORT_MACS_MAX> own{};
  std::memcpy(own[0].data(), ingress->mac, own[0].size());
  for (std::size_t i = 0; further != nullptr && i < DP_PORT_MACS_MAX; ++i)
    std::memcpy(own[i + 1].data(), &further->mac[i], own[0].size());
  if (!may_reply_to({item.frame.data, item.frame.length}, own)) return false;
  const bool limited = kind != ErrorReplyKind::reset && kind != ErrorReplyKind::too_big;
  if (limited && !rate_.take(packet.source, now, env_.settings->ticks_per_second)) return false;
  return dp_budget_take(&env_, DP_BUDGET_MADE, packet.ingress, now) != 0;
}

const PortAddresses& ErrorReplyStage::source_for(const dp_context& context) noexcept {
  const dp_packet& packet = context.packet;
  const bool v4 = packet.family == DP_FAMILY_V4;
  const auto usable = [v4](const PortAddresses& addresses) { return v4 ? bool{addresses.v4} : bool{addresses.v6}; };
  dp_route_query query{};  // of a packet of the gateway itself: from no port, and no address yet
  query.address = packet.source;
  query.bank = context.route_bank;
  query.protocol = v4 ? DP_PROTOCOL_ICMP : DP_PROTOCOL_ICMPV6;
  query.family = packet.family;
  query.hash = dp_path_hash(env_.settings, &packet.destination, &packet.source, 0);
  const int kind = dp_route_find(&env_, &query);
  const bool named = kind == DP_ROUTE_VIA || (kind == DP_ROUTE_ON_LINK && query.path != 0);
  const dp_path* path = named ? dp_env_path(&env_, query.path) : nullptr;
  if (path != nullptr && path->source < kErrorSourcesMax && usable(sources_[path->source]))
    return sources_[path->source];
  if (query.port != 0 && query.port < addresses_.size() && usable(addresses_[query.port]))
    return addresses_[query.port];
  return addresses_[packet.ingress];
}

void ErrorReplyStage::reply(const Item& item, ErrorReplyKind kind, std::uint32_t now) noexcept {
  const dp_packet& packet = item.context.packet;
  if (!may_send(item, kind, now)) return;
  const dp_next_hop* hop = dp_env_next_hop(&env_, item.context.next_hop);
  const dp_port* ingress = dp_env_port(&env_, packet.ingress);
  if (ingress == nullptr) return;
  afxdp::Frame made = io_.allocate();
  if (!made) return;
  constexpr std::size_t kReplyBytesMax = 1536;  // frames have 2048 bytes at least, 256 of them headroom
  made.length = write_error_reply(kind, {item.frame.data, item.frame.length}, packet, source_for(item.context),
                                  hop != nullptr ? hop->mtu : 0, {made.data, kReplyBytesMax});
  if (made.length == 0 || !io_.transmit(made, ingress->device, item.frame.queue)) {
    io_.release(made.index);
    return;
  }
  counters_.made.add(made.length);
  counters_.transmitted[packet.ingress].add(made.length);
}

}  // namespace twinpath
