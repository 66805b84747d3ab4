#include "bench/compare/pairs/pair_maker.hpp"

#include <array>

#include "bench/compare/numbered_flow.hpp"
#include "common/decide/judge.h"
#include "common/edit/translate.h"
#include "telemetry/reasons.hpp"

namespace twinpath::bench {
namespace {

constexpr std::uint32_t kFirstOutside = 0xc6140001;  // 198.20.0.1
constexpr std::uint16_t kPacketBytes = 46;           // of the least frame
constexpr std::uint8_t kTtl = 64;

// enum dp_install_result
constexpr std::array<const char*, 5> kInstallResults{"ok", "no way is free", "another pair has its forward key",
                                                     "another pair has its reverse key", "another writer was faster"};

// The flow's first packet, as parsing shows it, from the port that its source's route leads to.
dp_packet first_packet(const NumberedFlow& flow) {
  dp_packet packet{};
  packet.source.word[0] = flow.source;
  packet.destination.word[0] = flow.destination;
  packet.source_port = flow.source_port;
  packet.destination_port = flow.destination_port;
  packet.family = DP_FAMILY_V4;
  packet.protocol = DP_PROTOCOL_UDP;
  packet.flags = DP_PACKET_TO_US | DP_PACKET_IP;
  packet.ttl = kTtl;
  packet.l3_bytes = kPacketBytes;
  return packet;
}

}  // namespace

Result<PairMaker> PairMaker::create(PinnedGateway& gateway, const PairOptions& options) {
  PairMaker maker{gateway, options};
  if (auto decided = maker.decide(); !decided) return pass_on(std::move(decided.error()));
  return maker;
}

Status PairMaker::decide() {
  dp_env* env = &gateway_.env();
  const dp_settings& settings = gateway_.settings();
  dp_context context{};
  context.packet = first_packet(numbered_flow(0));
  context.now = gateway_.now();
  context.stamp = DP_LOAD(&settings.stamp);
  context.policy_bank = static_cast<__u16>(DP_LOAD(&settings.policy_bank) & 1);
  context.route_bank = static_cast<__u16>(DP_LOAD(&settings.route_bank) & 1);
  dp_route_query_reverse(&settings, &context, 0, &context.back);
  dp_route_find(env, &context.back);
  const dp_port* ingress = dp_route_egress(env, &context.back);
  if (ingress == nullptr) return refuse("no route leads back to the source of the flows");
  context.packet.ingress = context.back.port;
  context.packet.zone = ingress->zone;
  dp_route_query_forward(&settings, &context, &context.there);
  dp_route_find(env, &context.there);
  if (const int reason = dp_judge(env, &context); reason != DP_NONE)
    return refuse("the gateway would not forward the flows: {}", kReasons.at(static_cast<std::size_t>(reason)).name);
  forward_ = context.forward;
  reverse_ = context.reverse;
  forward_.flags |= DP_FLOW_ANSWERED;
  if (options_.rewrite) forward_.flags |= DP_FLOW_REWRITE;
  return {};
}

Status PairMaker::install(std::uint32_t flows) {
  for (std::uint32_t number = 0; number < flows; ++number)
    if (auto installed = install_one(number); !installed) return installed;
  return {};
}

dp_flow_half PairMaker::forward_of(std::uint32_t number) const {
  const NumberedFlow flow = numbered_flow(number);
  dp_flow_half half = forward_;
  half.source.word[0] = half.new_source.word[0] = flow.source;
  half.source_port = half.new_source_port = flow.source_port;
  if (options_.rewrite) {
    half.new_source.word[0] = htonl(kFirstOutside + number / kPortsPerAddress);
    half.new_source_port = htons(static_cast<std::uint16_t>(kLastPort - number % kPortsPerAddress));
  }
  half.delta = dp_translate_address_delta(&half);
  half.delta_ports = dp_translate_port_delta(&half);
  return half;
}

dp_flow_half PairMaker::reverse_of(const dp_flow_half& forward) const {
  dp_flow_half half{};
  dp_half_reverse(&forward, reverse_.zone, &half);
  half.next_hop = reverse_.next_hop;
  half.port = reverse_.port;
  half.stamp = reverse_.stamp;
  half.flags = reverse_.flags | (forward.flags & DP_FLOW_REWRITE);
  half.delta = dp_translate_address_delta(&half);
  half.delta_ports = dp_translate_port_delta(&half);
  return half;
}

Status PairMaker::install_one(std::uint32_t number) {
  dp_env* env = &gateway_.env();
  const dp_flow_half forward = forward_of(number);
  const dp_flow_half reverse = reverse_of(forward);
  dp_install io{};
  io.now = gateway_.now();
  io.family = DP_FAMILY_V4;
  if (const int result = dp_flow_install(env, &forward, &reverse, &io); result != DP_INSTALL_OK)
    return refuse("flow {} is not installed: {}", number, kInstallResults.at(static_cast<std::size_t>(result)));
  dp_flow_view view{};
  if (dp_flow_view_slot(env, io.family, io.slot, io.control, &view) == 0 ||
      dp_flow_set_state(env, io.family, &view, DP_FLOW_ASSURED) == 0)
    return refuse("flow {} was deleted while it was installed", number);
  return {};
}

}  // namespace twinpath::bench
