#include "telemetry/policy_json.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/address.hpp"
#include "base/protocol.hpp"
#include "common/flow/control.h"

namespace twinpath {
namespace {

constexpr std::size_t kUsualBytes = 640;  // of a pair

using Text = std::back_insert_iterator<std::string>;

// The names are names (base/name.hpp), numbers or words: nothing in them has to be escaped.
void add_next_hop(Text out, const FlowHalfSnapshot& half, const PolicyNames& names) {
  const bool known = half.next_hop != 0 && half.next_hop < names.next_hops.size() &&
                     names.next_hops[half.next_hop].port != 0;  // 0: given back, the next packet looks its route up
  if (!known) {
    fmt::format_to(out, "null");
    return;
  }
  const dp_next_hop& hop = names.next_hops[half.next_hop];
  fmt::format_to(out, R"({{"port":"{}","mac":)", name_at(names.ports, hop.port));
  if ((hop.flags & DP_NEXT_HOP_RESOLVED) != 0)
    fmt::format_to(out, R"("{:02x}"}})", fmt::join(hop.destination_mac, hop.destination_mac + 6, ":"));
  else
    fmt::format_to(out, "null}}");
}

void add_ends(Text out, std::uint8_t family, const dp_address& source, const dp_address& destination,
              std::uint16_t source_port, std::uint16_t destination_port) {
  fmt::format_to(out, R"("source":"{}","source_port":{},"destination":"{}","destination_port":{})",
                 to_string(IpAddress{family, source}), ntohs(source_port), to_string(IpAddress{family, destination}),
                 ntohs(destination_port));
}

void add_half(Text out, const FlowSnapshot& flow, const FlowHalfSnapshot& half, const PolicyNames& names) {
  fmt::format_to(out, R"({{"zone":"{}","protocol":"{}",)", name_at(names.zones, half.zone),
                 protocol_text(flow.protocol));
  add_ends(out, flow.family, half.source, half.destination, half.source_port, half.destination_port);
  if ((half.flags & DP_FLOW_REWRITE) != 0) {
    fmt::format_to(out, R"(,"rewrite":{{)");
    add_ends(out, flow.family, half.new_source, half.new_destination, half.new_source_port, half.new_destination_port);
    fmt::format_to(out, "}}");
  }
  fmt::format_to(out, R"(,"packets":{},"bytes":{},"next_hop":)", half.packets, half.bytes);
  add_next_hop(out, half, names);
  fmt::format_to(out, "}}");
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

std::string policy_text(const FlowSnapshot& flow, const PolicyNames& names) {
  const std::uint32_t idle =
      std::min(dp_ticks_since(names.now, flow.forward.seen), dp_ticks_since(names.now, flow.reverse.seen));
  std::string text;
  text.reserve(kUsualBytes);
  const Text out(text);
  fmt::format_to(out, R"({{"id":"{}","generation":{},"origin":"{}","place":"{}","state":"{}","age_s":{},"idle_s":{},)",
                 id_text(flow.family, flow.id), flow.forward.stamp >> 16, word_of(kFlowOrigins, origin_of(flow)),
                 (flow.forward.flags & DP_FLOW_USER) != 0 ? "user" : "auto", word_of(kFlowStates, flow.state),
                 dp_ticks_since(names.now, flow.created) / names.ticks_per_second, idle / names.ticks_per_second);
  fmt::format_to(out, R"("rule":"{}","forward":)", flow.rule == 0 ? "default" : name_at(names.rules, flow.rule));
  add_half(out, flow, flow.forward, names);
  fmt::format_to(out, R"(,"reverse":)");
  add_half(out, flow, flow.reverse, names);
  text += '}';
  return text;
}

}  // namespace twinpath
