#include "telemetry/policy_json.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/address.hpp"
#include "base/protocol.hpp"
#include "common/flow/control.h"

namespace twinpath {
namespace {

nlohmann::json next_hop_json(const FlowHalfSnapshot& half, const PolicyNames& names) {
  if (half.next_hop == 0 || half.next_hop >= names.next_hops.size()) return nullptr;
  const dp_next_hop& hop = names.next_hops[half.next_hop];
  if (hop.port == 0) return nullptr;  // given back: the next packet looks its route up
  nlohmann::json out = {{"port", name_at(names.ports, hop.port)}, {"mac", nullptr}};
  if ((hop.flags & DP_NEXT_HOP_RESOLVED) != 0)
    out["mac"] = fmt::format("{:02x}", fmt::join(hop.destination_mac, hop.destination_mac + 6, ":"));
  return out;
}

nlohmann::json half_json(const FlowSnapshot& flow, const FlowHalfSnapshot& half, const PolicyNames& names) {
  nlohmann::json out = {{"zone", name_at(names.zones, half.zone)},
                        {"source", to_string(IpAddress{flow.family, half.source})},
                        {"destination", to_string(IpAddress{flow.family, half.destination})},
                        {"protocol", protocol_text(flow.protocol)},
                        {"source_port", ntohs(half.source_port)},
                        {"destination_port", ntohs(half.destination_port)},
                        {"next_hop", next_hop_json(half, names)},
                        {"packets", half.packets},
                        {"bytes", half.bytes}};
  if ((half.flags & DP_FLOW_REWRITE) != 0) {
    out["rewrite"] = {{"source", to_string(IpAddress{flow.family, half.new_source})},
                      {"destination", to_string(IpAddress{flow.family, half.new_destination})},
                      {"source_port", ntohs(half.new_source_port)},
                      {"destination_port", ntohs(half.new_destination_port)}};
  }
  return out;
}

}  // namespace

std::string name_at(std::span<const std::string> names, std::size_t index) {
  return index < names.size() && !names[index].empty() ? names[index] : fmt::format("#{}", index);
}

std::string id_text(std::uint8_t family, std::uint64_t id) { return fmt::format("{}-{:x}", family, id); }

bool parse_id(std::string_view text, std::uint8_t& family, std::uint64_t& id) {
  if (text.size() < 3 || text[1] != '-' || (text[0] != '4' && text[0] != '6')) return false;
  family = static_cast<std::uint8_t>(text[0] - '0');
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + 2, end, id, 16);
  return error == std::errc{} && last == end;
}

FlowOrigin origin_of(const FlowSnapshot& flow) {
  return (flow.forward.flags & DP_FLOW_ENGINE) != 0 ? FlowOrigin::engine : FlowOrigin::kernel;
}

nlohmann::json policy_json(const FlowSnapshot& flow, const PolicyNames& names) {
  const std::uint32_t idle =
      std::min(dp_ticks_since(names.now, flow.forward.seen), dp_ticks_since(names.now, flow.reverse.seen));
  nlohmann::json out = {{"id", id_text(flow.family, flow.id)},
                        {"generation", flow.forward.stamp >> 16},
                        {"origin", word_of(kFlowOrigins, origin_of(flow))},
                        {"place", (flow.forward.flags & DP_FLOW_USER) != 0 ? "user" : "auto"},
                        {"state", word_of(kFlowStates, flow.state)},
                        {"age_s", dp_ticks_since(names.now, flow.created) / names.ticks_per_second},
                        {"idle_s", idle / names.ticks_per_second},
                        {"rule", flow.rule == 0 ? "default" : name_at(names.rules, flow.rule)},
                        {"forward", half_json(flow, flow.forward, names)},
                        {"reverse", half_json(flow, flow.reverse, names)}};
  return out;
}

}  // namespace twinpath
