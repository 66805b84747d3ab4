// packet_fuzz.cpp - frames, one after another, through parsing and the whole decision of a small gateway.
//
// Input    records: flags (1 from wan, 2 as engine, the rest ticks that pass before), frame length in two bytes, low one
//          first, frame.
// Promises parsing says what the slow twin says; whatever the straight line takes, the general way takes with the same
//          facts; a forwarded frame can be rewritten; a quote stays within the frame.
#include "harness/gateway_tables.hpp"
#include "harness/parsed.hpp"
// behind the lookups of the first
#include "common/edit/forward.h"
#include "common/parse/quote.h"

#include "fuzz/fuzz.hpp"

namespace twinpath::fuzz {
namespace {

using test::Bytes;

void compare_parsers(const Bytes& frame) {
  const test::Parsed parsed = test::parse(frame), plain = test::parse_plain(frame);
  const test::TwinFacts twin =
      test::TwinParser(frame, {test::kGatewayMac.octets.begin(), test::kGatewayMac.octets.end()}).parse();
  promise(parsed.reason == twin.reason, "the twin gives another reason:", test::reason_name(twin.reason));
  if (parsed.reason == DP_NONE) {
    const std::string difference = test::difference(parsed.packet, twin);
    promise(difference.empty(), "the twin reads something else:", difference);
  }
  if (plain.plain)
    promise(parsed.reason == DP_NONE && test::same_facts(plain.packet, parsed.packet), "the straight line goes astray");
}

void read_quote(const Bytes& frame, const dp_context& ctx) {
  if (!(ctx.packet.flags & DP_PACKET_ICMP_ERROR)) return;
  dp_packet quoted;
  if (dp_parse_quote(frame.data(), frame.data() + frame.size(), &ctx.packet, &quoted) != DP_NONE) return;
  promise(quoted.l3_offset + 20u <= frame.size() && quoted.l4_offset <= frame.size(), "a quote beyond the frame");
}

void rewrite(test::GatewayTables& gateway, Bytes frame) {
  const dp_next_hop& hop = gateway.hop(gateway.last.next_hop);
  promise(dp_forward(frame.data(), frame.data() + frame.size(), &gateway.last.packet, &gateway.last.view, &hop,
                     dp_next_hop_tag(&hop)) != 0,
          "a forwarded frame that cannot be rewritten");
}

void decide(test::GatewayTables& gateway, const Bytes& frame, std::uint8_t flags) {
  const std::uint16_t port = flags & 1 ? test::kWan : test::kLan;
  const std::uint8_t side = flags & 2 ? DP_SIDE_ENGINE : DP_SIDE_KERNEL;
  gateway.now += flags >> 2;
  dp_context facts;
  if (gateway.read(frame, port, facts) == DP_NONE) read_quote(frame, facts);
  const int reason = gateway.decide(frame, port, side);
  promise(reason >= 0 && reason < DP_REASONS, "an answer that is no reason");
  if (reason == DP_NONE) rewrite(gateway, frame);
}

}  // namespace
}  // namespace twinpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twinpath;
  test::GatewayTables gateway;
  gateway.allow();
  for (fuzz::Input input{data, size}; !input.empty();) {
    const std::uint8_t flags = input.byte(), low = input.byte(), high = input.byte();
    const std::string_view bytes = input.take(std::size_t{low} | std::size_t{high} << 8);
    if (bytes.empty()) continue;                          // a vector of nothing has no address, a frame always has
    const test::Bytes frame(bytes.begin(), bytes.end());  // of exactly its size: reading beyond it is seen
    fuzz::compare_parsers(frame);
    fuzz::decide(gateway, frame, flags);
  }
  return 0;
}
