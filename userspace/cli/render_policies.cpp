#include <fmt/format.h>

#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

std::string flow_text(const json& half) {
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

}  // namespace

Table policy_table() {
  return Table({{"ID"},
                {"STATE"},
                {"BY"},
                {"ZONE"},
                {"PROTO"},
                {"FLOW"},
                {"REWRITE"},
                {"RULE"},
                {"SENT", Align::right},
                {"BYTES", Align::right},
                {"ANSWERED", Align::right},
                {"BYTES", Align::right},
                {"IDLE", Align::right}},
               "no policy pairs");
}

void add_policy(Table& table, const json& pair) {
  const json& forward = member(pair, "forward");
  const json& reverse = member(pair, "reverse");
  table.add({text_cell(member(pair, "id")), text_cell(member(pair, "state")), text_cell(member(pair, "origin")),
             text_cell(member(forward, "zone")), protocol_cell(member(forward, "protocol")), flow_text(forward),
             rewrite_text(forward), text_cell(member(pair, "rule")), count_cell(member(forward, "packets")),
             bytes_cell(member(forward, "bytes")), count_cell(member(reverse, "packets")),
             bytes_cell(member(reverse, "bytes")), duration_cell(member(pair, "idle_s"))});
}

}  // namespace twinpath::cli
