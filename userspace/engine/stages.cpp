#include "engine/stages.hpp"

#include <cstring>

#include "common/model/metadata.h"
#include "engine/env.hpp"
#include "engine/fragmenter.hpp"
#include "engine/related.hpp"
// behind the lookups they call
#include "common/decide/decide.h"
#include "common/edit/forward.h"
#include "common/parse/parse.h"
#include "common/parse/plain.h"

namespace twinpath {
namespace {

bool undecided(const Item& item) noexcept { return item.fate == Fate::undecided; }

// The port as XDP saw it. Metadata is our own program's; a frame without it came while no program steered.
std::uint16_t ingress_of(const afxdp::Frame& frame) noexcept {
  dp_metadata metadata;
  std::memcpy(&metadata, frame.data - sizeof(metadata), sizeof(metadata));
  const bool ours = metadata.magic == DP_METADATA_MAGIC && metadata.version == DP_LAYOUT_VERSION &&
                    metadata.frame_bytes == frame.length;
  return ours ? metadata.port : 0;
}

}  // namespace

void ReadStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (undecided(item)) read(item, now);
  }
}

void ReadStage::read(Item& item, std::uint32_t now) noexcept {
  dp_packet& packet = item.context.packet;
  const std::uint16_t ingress = ingress_of(item.frame);
  const dp_port* port = dp_env_port(&env_, ingress);
  item.context.known = 0;
  packet.frame_bytes = item.frame.length;
  if (ingress == 0 || port == nullptr || (port->flags & DP_PORT_PRESENT) == 0) return item.drop(DP_STALE_STEER);
  const std::uint8_t* frame = item.frame.data;
  const std::uint8_t* end = frame + item.frame.length;
  if (dp_parse_plain(frame, end, item.frame.length, port->mac, &packet) == 0) {
    const int reason = dp_parse(frame, end, item.frame.length, port->mac, &packet);
    if (reason != DP_NONE) return item.drop(reason);
  }
  packet.ingress = ingress;
  packet.zone = port->zone;
  item.context.now = now;
  item.context.side = DP_SIDE_ENGINE;
  counters_.received[ingress].add(item.frame.length);
}

void JudgeStage::run(std::span<Item> burst, std::uint32_t) noexcept {
  for (Item& item : burst) {
    if (undecided(item)) judge(item);
  }
}

// A fragment has the facts of its whole datagram by now, so it is judged as if it were no fragment.
void JudgeStage::judge(Item& item) noexcept {
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
  // The kernel passes what is the host's; such a frame here means that tables changed under query.
  if (verdict == DP_PASS) item.drop(DP_STALE_STEER);
}

void HoldStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (!undecided(item)) continue;
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
  if (query.next_hop == 0) neighbour.address = query.address;
  return neighbour;
}

void HoldStage::hold(Item& item, std::uint32_t now) noexcept {
  const AwaitedNeighbour neighbour = awaited(item);
  requests_.ask(neighbour);
  if (!queue_.hold(item, neighbour, now, has_failed(neighbour.next_hop))) return item.drop(DP_HOLD_FULL);
  if (!item.again) counters_.held.add(item.frame.length);
  item.fate = Fate::held;
}

void HoldStage::ask_again(Waiting& waiting, std::uint32_t now) noexcept {
  if (now - waiting.asked < env_.settings->ticks_per_second) return;
  waiting.asked = now;
  requests_.ask(awaited(waiting.item));  // its next hop may be another by now
}

bool HoldStage::has_failed(std::uint16_t next_hop) noexcept {
  const dp_next_hop* hop = next_hop != 0 ? dp_env_next_hop(&env_, next_hop) : nullptr;
  return hop != nullptr && (hop->flags & DP_NEXT_HOP_FAILED) != 0;
}

bool HoldStage::given_up(Waiting& waiting) noexcept {
  const bool before = waiting.failed;
  waiting.failed = has_failed(waiting.item.context.next_hop);
  return waiting.failed && !before;
}

void ErrorReplyStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (item.fate == Fate::drop && item.reason == DP_NEIGHBOUR_FAILED)
      answer(item, ErrorReplyKind::host_unreachable, now);
    if (!undecided(item)) continue;
    const bool tcp = item.context.packet.protocol == DP_PROTOCOL_TCP;
    switch (item.reason) {
      case DP_STEER_TTL:
        answer(item, ErrorReplyKind::time_exceeded, now);
        item.drop(DP_TTL_EXCEEDED);
        break;
      case DP_STEER_TOO_BIG:
        if (dp_may_fragment(&item.context.packet)) break;
        answer(item, ErrorReplyKind::too_big, now);
        item.drop(DP_TOO_BIG);
        break;
      case DP_STEER_UNREACHABLE:
        answer(item, ErrorReplyKind::no_route, now);
        item.drop(DP_NO_ROUTE);
        break;
      case DP_STEER_REJECT:
        answer(item, tcp ? ErrorReplyKind::reset : ErrorReplyKind::prohibited, now);
        item.drop(DP_RULE_REJECT);
        break;
      default:
        if (!dp_engine_forwards(item.reason)) item.drop(DP_INTERNAL);
    }
  }
}

void ErrorReplyStage::answer(const Item& item, ErrorReplyKind kind, std::uint32_t now) noexcept {
  const dp_packet& packet = item.context.packet;
  const std::uint32_t budget = kind == ErrorReplyKind::time_exceeded ? DP_BUDGET_TTL : DP_BUDGET_ICMP_ERROR;
  if (!may_reply(packet, kind) || dp_env_budget(&env_, budget, now) == 0) return;
  const dp_next_hop* hop = dp_env_next_hop(&env_, item.context.next_hop);
  afxdp::Frame made = io_.allocate();
  if (!made) return;
  constexpr std::size_t kRoom = 1536;  // frames have 2048 bytes at least, 256 of them headroom
  made.length = write_error_reply(kind, {item.frame.data, item.frame.length}, packet, addresses_[packet.ingress],
                                  hop != nullptr ? hop->mtu : 0, {made.data, kRoom});
  if (made.length == 0 || !io_.transmit(made, packet.ingress, item.frame.queue)) {
    io_.release(made.index);
    return;
  }
  counters_.made.add(made.length);
  counters_.transmitted[packet.ingress].add(made.length);
}

void RewriteStage::run(std::span<Item> burst, std::uint32_t) noexcept {
  for (Item& item : burst) {
    if (undecided(item)) rewrite(item);
  }
}

void RewriteStage::rewrite(Item& item) noexcept {
  const dp_context& context = item.context;
  const dp_next_hop* hop = dp_env_next_hop(&env_, context.next_hop);
  const dp_port* ingress = dp_env_port(&env_, context.packet.ingress);
  if (hop == nullptr || ingress == nullptr) return item.drop(DP_INTERNAL);
  std::uint8_t* end = item.frame.data + item.frame.length;
  if ((ingress->flags & DP_PORT_WORKLOAD) != 0 && dp_checksum_l4(item.frame.data, end, &context.packet) == 0)
    return item.drop(DP_INTERNAL);
  const int growth = dp_forward_growth(&context.packet, hop);
  item.frame.data -= growth;
  item.frame.length += static_cast<std::uint32_t>(growth);
  if (dp_forward(item.frame.data, end, &context.packet, &context.view, hop) == 0) return item.drop(DP_INTERNAL);
  item.egress = hop->port;
  item.fate = Fate::send;
}

void FragmentStage::run(std::span<Item> burst, std::uint32_t) noexcept {
  for (Item& item : burst) {
    if (item.fate == Fate::send && item.reason == DP_STEER_TOO_BIG) cut(item);
  }
}

void FragmentStage::cut(Item& item) noexcept {
  constexpr std::size_t kFragmentsMax = 64;
  std::array<afxdp::Frame, kFragmentsMax> fragments;
  const dp_next_hop* hop = dp_env_next_hop(&env_, item.context.next_hop);
  if (hop == nullptr) return item.drop(DP_INTERNAL);
  const std::uint32_t l3_offset = DP_ETHERNET_BYTES + (hop->vlan != 0 ? DP_VLAN_BYTES : 0);
  Ipv4Fragmenter cut({item.frame.data, item.frame.length}, l3_offset, hop->mtu);
  if (!cut.possible()) return item.drop(DP_TOO_BIG);
  std::size_t count = 0;
  bool whole = true;
  while (whole && !cut.done()) {
    whole = count < kFragmentsMax && (fragments[count] = io_.allocate());
    if (!whole) break;
    afxdp::Frame& fragment = fragments[count++];
    // no fragment is longer than the frame it is cut from, whose place is as large as this one
    fragment.length = cut.next({fragment.data, item.frame.length});
    whole = fragment.length != 0;
  }
  if (whole && send(std::span{fragments}.first(count), item)) {
    item.fate = Fate::cut;
    return;
  }
  if (!whole) {
    for (std::size_t i = 0; i < count; ++i) io_.release(fragments[i].index);
  }
  item.drop(DP_TX_FULL);
}

bool FragmentStage::send(std::span<const afxdp::Frame> fragments, const Item& item) noexcept {
  const std::uint16_t queue = egress_queue(env_, item.egress, item.frame.queue);
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    if (!io_.transmit(fragments[i], item.egress, queue)) {
      for (const afxdp::Frame& left : fragments.subspan(i)) io_.release(left.index);
      return false;
    }
    counters_.made.add(fragments[i].length);
    counters_.transmitted[item.egress].add(fragments[i].length);
  }
  return true;
}

std::uint16_t egress_queue(dp_env& env, std::uint16_t port, std::uint16_t ingress_queue) noexcept {
  const dp_port* egress = dp_env_port(&env, port);
  const std::uint16_t queues = egress != nullptr ? egress->queue_count : 0;
  return queues > 1 ? static_cast<std::uint16_t>(ingress_queue % queues) : std::uint16_t{0};
}

}  // namespace twinpath
