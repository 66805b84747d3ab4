#include "engine/env.hpp"

#include "common/decide/decide.h"
#include "common/decide/hit.h"
#include "common/edit/forward.h"
#include "common/parse/parse.h"

#include "differential/twin_side.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace twinpath::test {
namespace {

constexpr std::size_t kHeadroom = 64;

void add(dp_counter& counter, std::uint32_t bytes) {
  counter.packets++;
  counter.bytes += bytes;
}

// Which budget a steered packet is taken from (budget_pps of the configuration); none where the rule or the device sends
// it. Written apart from dp_budget_of, which it is held against.
int budget_of(const dp_packet& packet, int reason) {
  const bool whole = packet.family == DP_FAMILY_V6 || (packet.flags & DP_PACKET_DONT_FRAGMENT) != 0;
  if (reason == DP_STEER_TOO_BIG && !whole) return DP_BUDGET_FRAGMENT;
  if (reason == DP_STEER_FRAGMENT) return DP_BUDGET_FRAGMENT;
  if (reason == DP_STEER_TTL) return DP_BUDGET_TTL;
  if (reason == DP_STEER_NEIGHBOUR) return DP_BUDGET_NEIGHBOUR;
  if (reason == DP_STEER_HELD) return DP_BUDGET_HELD;
  const bool makes_error = reason == DP_STEER_ICMP_ERROR || reason == DP_STEER_TOO_BIG || reason == DP_STEER_REJECT ||
                           reason == DP_STEER_UNREACHABLE;
  return makes_error ? int{DP_BUDGET_ICMP_ERROR} : int{DP_BUDGET_NONE};
}

}  // namespace

TwinSide::TwinSide(KernelSide& kernel, const Attachments& attachments)
    : flows4(kBuckets4),
      flows6(kBuckets6),
      flows4_cold(kBuckets4 * DP_FLOW_LANES),
      flows6_cold(kBuckets6 * DP_FLOW_LANES),
      budgets(std::size_t{DP_BUDGETS} * DP_PORTS_MAX),
      attachments_(attachments),
      env_(tables_of(kernel), kernel.map("neighbours")) {
  env_.flows4 = flows4;
  env_.flows6 = flows6;
  env_.flows4_cold = flows4_cold;
  env_.flows6_cold = flows6_cold;
  env_.budgets = budgets;
  env_.rule_counts = rule_hits;
}

// The untagged port on a device. The kernel side has a hashed table for this, filled from the same ports.
std::uint32_t TwinSide::port_of(std::uint32_t ifindex) const {
  for (std::uint32_t number = 1; env_.ports[number].flags != 0; ++number)
    if (device_under(number).ifindex == ifindex && env_.ports[number].vlan == 0) return number;
  return 0;
}

dp_hit_verdict TwinSide::hits(const Arrival& arrival, struct dp_hit& hit) {
  const std::uint32_t number = port_of(arrival.ifindex);
  const dp_port& port = env_.ports[number];
  const std::uint8_t* frame = arrival.frame.data();
  const std::uint8_t* end = frame + arrival.frame.size();
  const auto size = static_cast<__u32>(arrival.frame.size());
  searched_ = DP_SEARCHED_NOT;
  if (port.flags & DP_PORT_WORKLOAD) return DP_HIT_NOT;
  const dp_hit_verdict verdict = ::dp_hit(&env_, env_.settings, frame, end, size, &port, number, &hit);
  if (verdict == DP_HIT_ODD) return DP_HIT_NOT;
  dp_packet packet{};
  if (verdict != DP_HIT_NOT && !dp_parse_plain(frame, end, size, port.mac, &packet))
    throw std::logic_error("the fast path has read a frame that is not plain");
  if (verdict == DP_HIT_ABSENT) searched_ = DP_SEARCHED_ABSENT;
  if (verdict == DP_HIT_FOUND) {
    searched_ = DP_SEARCHED_FOUND;
    slow_.view.slot = hit.slot;
    slow_.view.control = hit.control;
  }
  return verdict == DP_HIT_FORWARD || verdict == DP_HIT_USER ? verdict : DP_HIT_NOT;
}

Bytes TwinSide::frame_of_hit(const struct dp_hit& hit, const Arrival& arrival) {
  Bytes frame = arrival.frame;
  std::uint8_t* end = frame.data() + frame.size();
  const int written =
      hit.family == DP_FAMILY_V4 ? dp_hit4_forward(frame.data(), end, &hit) : dp_hit6_forward(frame.data(), end, &hit);
  return written ? frame : Bytes{};
}

bool TwinSide::host_waits_for(const dp_packet& packet) const {
  return std::any_of(attachments_.connections.begin(), attachments_.connections.end(), [&](const Connection& own) {
    return own.family == packet.family && own.protocol == packet.protocol &&
           dp_address_equal(&own.source, &packet.source) && dp_address_equal(&own.destination, &packet.destination) &&
           own.source_port == dp_ntohs(packet.source_port) && own.destination_port == dp_ntohs(packet.destination_port);
  });
}

void TwinSide::log(const dp_context& ctx, int reason) {
  dp_event& event = last_.event.emplace();
  event = {};
  event.source = ctx.packet.source;
  event.destination = ctx.packet.destination;
  event.source_port = ctx.packet.source_port;
  event.destination_port = ctx.packet.destination_port;
  event.frame_bytes = ctx.packet.frame_bytes;
  event.rule = ctx.match.rule;
  event.ingress = ctx.packet.ingress;
  event.reason = static_cast<__u8>(reason);
  event.family = ctx.packet.family;
  event.protocol = ctx.packet.protocol;
}

int TwinSide::read_frame(dp_context& ctx, const Arrival& arrival, std::uint32_t number) {
  const auto size = static_cast<__u32>(arrival.frame.size());
  const std::uint8_t* frame = arrival.frame.data();
  ctx.packet.frame_bytes = size;
  ctx.packet.ingress = static_cast<__u16>(number);
  ctx.packet.zone = 0;
  ctx.known = 0;
  const int reason = dp_parse(frame, frame + size, size, env_.ports[number].mac, &ctx.packet);
  if (reason) return reason;
  if (ctx.packet.vlan) {
    number = 0;
    for (const auto& [key, port] : attachments_.vlan_ports)
      if (env_.devices[key.device].ifindex == arrival.ifindex && key.vlan == ctx.packet.vlan &&
          key.inner_vlan == ctx.packet.inner_vlan)
        number = port;
    if (number == 0) return DP_UNKNOWN_VLAN;
    // the frame is to the port of its tag, or it is not to us
    dp_parse(frame, frame + size, size, env_.ports[number].mac, &ctx.packet);
  }
  ctx.packet.ingress = static_cast<__u16>(number);
  ctx.packet.zone = env_.ports[number].zone;
  const std::span<const __u64> macs(env_.port_macs[number].mac);
  __u64 destination = 0;
  std::memcpy(&destination, frame, 6);
  const bool further = (env_.ports[number].flags & DP_PORT_MACS) && destination != 0 && (frame[0] & 1) == 0 &&
                       std::ranges::find(macs, destination) != macs.end();
  if (further) ctx.packet.flags |= DP_PACKET_TO_US;
  return DP_NONE;
}

Outcome TwinSide::forward(dp_context& ctx, const Arrival& arrival) {
  const dp_next_hop* hop = dp_env_next_hop(&env_, ctx.next_hop);
  if (hop == nullptr) return stay(ctx, arrival, DP_INTERNAL);
  Bytes room(kHeadroom + arrival.frame.size());
  std::uint8_t* frame = room.data() + kHeadroom;
  std::uint8_t* end = room.data() + room.size();
  std::copy(arrival.frame.begin(), arrival.frame.end(), frame);
  if ((env_.ports[ctx.packet.ingress].flags & DP_PORT_WORKLOAD) && !dp_checksum_l4(frame, end, &ctx.packet))
    return steer(ctx, arrival, DP_STEER_CHECKSUM);
  const __u16 tag = dp_next_hop_tag(hop);
  frame -= dp_forward_growth(&ctx.packet, tag);
  if (!dp_forward(frame, end, &ctx.packet, &ctx.view, hop, tag)) return stay(ctx, arrival, DP_INTERNAL);
  dp_flow_count_packet(&env_, &ctx.packet, ctx.view.slot, ctx.now);
  last_.egress = hop->port;
  add(port_counters[hop->port].forwarded, ctx.packet.frame_bytes);
  return {attachments_.sends[hop->device] ? XDP_REDIRECT : XDP_DROP, Bytes(frame, end), {}};
}

Outcome TwinSide::steer(dp_context& ctx, const Arrival& arrival, int reason) {
  const dp_device& device = device_under(ctx.packet.ingress);
  if (arrival.queue >= device.queue_count || !attachments_.socket[device.first_socket + arrival.queue])
    return stay(ctx, arrival, DP_ENGINE_ABSENT);
  last_.reason = reason;
  add(reasons[static_cast<std::size_t>(reason)], ctx.packet.frame_bytes);
  add(port_counters[ctx.packet.ingress].steered, ctx.packet.frame_bytes);
  dp_metadata metadata{};
  metadata.magic = DP_METADATA_MAGIC;
  metadata.reason = static_cast<__u8>(reason);
  metadata.version = DP_LAYOUT_VERSION;
  metadata.port = ctx.packet.ingress;
  metadata.frame_bytes = ctx.packet.frame_bytes;
  return {XDP_REDIRECT, arrival.frame, metadata};
}

Outcome TwinSide::finish(dp_context& ctx, const Arrival& arrival, int reason) {
  const dp_verdict verdict = dp_reason_verdict(static_cast<dp_reason>(reason));
  if (verdict == DP_FORWARD) return forward(ctx, arrival);
  if (verdict == DP_STEER) return steer(ctx, arrival, reason);
  return stay(ctx, arrival, reason);
}

// Passed or dropped.
Outcome TwinSide::stay(const dp_context& ctx, const Arrival& arrival, int reason) {
  const bool passes = dp_reason_verdict(static_cast<dp_reason>(reason)) == DP_PASS;
  dp_port_counters& port = port_counters[ctx.packet.ingress];
  last_.reason = reason;
  add(reasons[static_cast<std::size_t>(reason)], ctx.packet.frame_bytes);
  add(passes ? port.passed : port.dropped, ctx.packet.frame_bytes);
  Bytes frame = arrival.frame;
  if (reason == DP_PASS_DHCP) std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  return {passes ? XDP_PASS : XDP_DROP, std::move(frame), {}};
}

// The loop of dp_decide, with what the hook knows between its stages.
int TwinSide::decide(dp_context& ctx, const Arrival& arrival) {
  look(ctx);
  int stage = DP_STAGE_KNOWN;
  while (stage != DP_STAGE_SEND) {
    const int before = stage;
    const int looks = ctx.attempt;
    stage = dp_stage_run(&env_, &ctx, stage);
    if (stage <= before && (ctx.attempt == looks || ctx.attempt >= DP_DECIDE_LOOKS))
      throw std::logic_error("a look enters a stage twice");
    if (before == DP_STAGE_NEW && dp_host_refused(&ctx) && host_waits_for(ctx.packet)) dp_host_waits(&ctx);
  }
  if (dp_reason_verdict(static_cast<dp_reason>(ctx.reason)) == DP_STEER) {
    if (ctx.operation.budget != budget_of(ctx.packet, ctx.reason))
      throw std::logic_error("another budget than the twin's");
    if (arrival.queue >= device_under(ctx.packet.ingress).queue_count) return ctx.reason;
  }
  return dp_commit_budget(&env_, &ctx, ctx.reason);
}

// What the fast path says of the search must be so. Now and then the tables are compared around a look: it must not write.
void TwinSide::look(const dp_context& ctx) {
  constexpr std::uint32_t kEvery = 64;
  dp_context aside = ctx;
  const bool found = dp_flow_find(&env_, &aside.packet, &aside.view) != 0;
  if (ctx.searched == DP_SEARCHED_ABSENT && found)
    throw std::logic_error("the fast path has not found a flow that is there");
  if (ctx.searched == DP_SEARCHED_FOUND && found && aside.view.slot != ctx.view.slot)
    throw std::logic_error("the fast path has found another flow");
  aside = ctx;
  if (++looks_ % kEvery != 0) return;
  const auto before4 = flows4;
  const auto before6 = flows6;
  const auto cold4 = flows4_cold;
  const auto cold6 = flows6_cold;
  const auto windows = budgets;
  dp_look(&env_, &aside);
  if (std::memcmp(before4.data(), flows4.data(), flows4.size() * sizeof(flows4[0])) != 0 ||
      std::memcmp(before6.data(), flows6.data(), flows6.size() * sizeof(flows6[0])) != 0 ||
      std::memcmp(cold4.data(), flows4_cold.data(), cold4.size() * sizeof(cold4[0])) != 0 ||
      std::memcmp(cold6.data(), flows6_cold.data(), cold6.size() * sizeof(cold6[0])) != 0 ||
      std::memcmp(windows.data(), budgets.data(), windows.size() * sizeof(windows[0])) != 0)
    throw std::logic_error("a look has written");
}

Outcome TwinSide::run(const Arrival& arrival, std::uint32_t now, dp_hit_verdict hit) {
  dp_context own = slow_;
  dp_context& ctx = hit != DP_HIT_NOT ? own : slow_;  // the fast path leaves the context of the slow one alone
  last_ = {};
  last_.parent = port_of(arrival.ifindex);
  ctx.now = now;
  ctx.side = DP_SIDE_KERNEL;
  ctx.attempt = 0;
  ctx.searched = searched_;
  ctx.next_hop = 0;
  ctx.match.rule = 0;
  ctx.match.flags = 0;
  int reason = read_frame(ctx, arrival, last_.parent);
  if (reason)
    dp_decided(&ctx, reason);
  else
    reason = decide(ctx, arrival);
  last_.ingress = ctx.packet.ingress;
  add(port_counters[last_.ingress].received, ctx.packet.frame_bytes);
  last_.rule = ctx.match.rule;
  last_.reason = reason;
  Outcome outcome = finish(ctx, arrival, reason);
  dp_count_outcome(&env_, &ctx, last_.reason);
  if (ctx.match.flags & DP_RULE_LOG) log(ctx, last_.reason);  // what has become of it in the end
  return outcome;
}

}  // namespace twinpath::test
