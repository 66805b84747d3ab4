#include <fmt/format.h>

#include <span>

#include "base/choice.hpp"
#include "cli/render.hpp"
#include "common/wire/icmp.h"

namespace twinpath::cli {
namespace {

// The queries of ICMP that make flows, by type.
constexpr Choice<std::uint64_t> icmp_queries[] = {{"echo", DP_ICMP_ECHO}, {"timestamp", DP_ICMP_TIMESTAMP}};
constexpr Choice<std::uint64_t> icmpv6_queries[] = {{"echo", DP_ICMPV6_ECHO}};

// "echo", "echo code 5"; empty where the ports are ports. Type × 256 + code stands in for the destination port.
std::string query_text(const json& half) {
  const json& protocol = member(half, "protocol");
  const std::uint64_t query = number_or_zero(member(half, "destination_port"));
  std::string_view name;
  if (protocol == "icmp") name = word_of(std::span(icmp_queries), query >> 8);
  if (protocol == "icmpv6") name = word_of(std::span(icmpv6_queries), query >> 8);
  return (query & 255) == 0 || name.empty() ? std::string(name) : fmt::format("{} code {}", name, query & 255);
}

// "10.1.0.2:40000 > 203.0.113.5:443"; of an ICMP query "10.1.0.2 > 203.0.113.5 echo id 8919".
std::string flow_text(const json& half) {
  if (const std::string query = query_text(half); !query.empty())
    return fmt::format("{} > {} {} id {}", text_cell(member(half, "source")), text_cell(member(half, "destination")),
                       query, number_or_zero(member(half, "source_port")));
  return fmt::format("{} > {}", endpoint_cell(member(half, "source"), member(half, "source_port")),
                     endpoint_cell(member(half, "destination"), member(half, "destination_port")));
}

// The packet after NAT, when there is any.
std::string rewrite_text(const json& half) {
  const json& rewrite = member(half, "rewrite");
  if (!rewrite.is_object()) return text_cell(rewrite);
  const bool source = member(rewrite, "source").is_string();
  const bool destination = member(rewrite, "destination").is_string();
  if (!source && !destination) return "-";
  return fmt::format(
      "{}{}{}", source ? endpoint_cell(member(rewrite, "source"), member(rewrite, "source_port")) : "",
      destination ? " > " : "",
      destination ? endpoint_cell(member(rewrite, "destination"), member(rewrite, "destination_port")) : "");
}

// Widths that most cells have: where columns stand does not depend on the pairs that happen to come first. When a terminal
// is narrow, what is the same in most rows goes first.
Table policy_table(std::size_t width_max) {
  return Table({{"ID", Align::left, 9, 3},
                {"STATE", Align::left, 9},
                {"BY", Align::left, 6, 6},
                {"ZONE", Align::left, 0, 5},
                {"PROTO", Align::left, 6},
                {"FLOW", Align::left, 0, 0, true},
                {"REWRITE", Align::left, 0, 7, true},
                {"RULE", Align::left, 0, 2, true},
                {"SENT", Align::right, 9, 1},
                {"BYTES", Align::right, 6, 4},
                {"ANSWERED", Align::right, 9, 1},
                {"BYTES", Align::right, 6, 4},
                {"IDLE", Align::right, 11, 3}},
               "no policy pairs", width_max);
}

bool is_v6(const json& pair) {
  const json& id = member(pair, "id");
  return id.is_string() && id.get_ref<const std::string&>().starts_with("6-");
}

}  // namespace

PolicyTables::PolicyTables(std::size_t width_max) : v4_(policy_table(width_max)), v6_(policy_table(width_max)) {}

void PolicyTables::add(const json& pair) {
  const json& forward = member(pair, "forward");
  const json& reverse = member(pair, "reverse");
  Table& table = is_v6(pair) ? v6_ : v4_;
  table.add({text_cell(member(pair, "id")), text_cell(member(pair, "state")), text_cell(member(pair, "origin")),
             text_cell(member(forward, "zone")), protocol_cell(member(forward, "protocol")), flow_text(forward),
             rewrite_text(forward), text_cell(member(pair, "rule")), count_cell(member(forward, "packets")),
             bytes_cell(member(forward, "bytes")), count_cell(member(reverse, "packets")),
             bytes_cell(member(reverse, "bytes")), duration_cell(member(pair, "idle_s"))});
}

std::string PolicyTables::take() {
  std::string text = v4_.rows() > 0 ? v4_.take_page() : "";
  const bool second = v4_.begun() && !v6_.begun();
  if (v6_.rows() > 0) text += (second ? "\n" : "") + v6_.take_page();
  return text;
}

}  // namespace twinpath::cli
