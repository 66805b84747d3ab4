#include <fmt/format.h>

#include <algorithm>

#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

const json& list_of(const json& answer, std::string_view name) {
  static const json none = json::array();
  const json& list = answer.is_array() ? answer : member(answer, name);
  return list.is_array() ? list : none;
}

// A zone or several: "inside, guests"; nothing said means any.
std::string zones_text(const json& zones) {
  if (!zones.is_array()) return zones.is_null() ? "any" : text_cell(zones);
  std::string text;
  for (const json& zone : zones) text += (text.empty() ? "" : ", ") + text_cell(zone);
  return text.empty() ? "any" : text;
}

// Counters are flat or, in ports, an object of packets and bytes.
std::string packets_cell(const json& counter) {
  return count_cell(counter.is_object() ? member(counter, "packets") : counter);
}

const json* find_reason(const json& list, const json& reason) {
  const auto found = std::ranges::find_if(list, [&](const json& drop) { return member(drop, "reason") == reason; });
  return found == list.end() ? nullptr : &*found;
}

std::uint64_t since(const json& drop, const json* before, std::string_view field) {
  const std::uint64_t now = number_or_zero(member(drop, field));
  const std::uint64_t then = before == nullptr ? 0 : number_or_zero(member(*before, field));
  return now > then ? now - then : 0;
}

struct Drop {
  std::string reason;
  std::uint64_t packets;
  std::uint64_t bytes;
  std::string documentation;
};

}  // namespace

std::string render_ports(const json& answer) {
  Table table({{"PORT"},
               {"DEVICE"},
               {"ZONE"},
               {"RECEIVED", Align::right},
               {"FORWARDED", Align::right},
               {"STEERED", Align::right},
               {"PASSED", Align::right},
               {"DROPPED", Align::right}},
              "no ports");
  for (const json& port : list_of(answer, "ports")) {
    const json& counters = member(port, "counters").is_object() ? member(port, "counters") : port;
    table.add({text_cell(member(port, "name")), text_cell(member(port, "device")), text_cell(member(port, "zone")),
               packets_cell(member(counters, "received")), packets_cell(member(counters, "forwarded")),
               packets_cell(member(counters, "steered")), packets_cell(member(counters, "passed")),
               packets_cell(member(counters, "dropped"))});
  }
  return table.take_page();
}

std::string render_zones(const json& answer) {
  Table table({{"ZONE"}, {"DEFAULT"}, {"PORTS"}}, "no zones");
  for (const json& zone : list_of(answer, "zones")) {
    const json& ports = member(zone, "ports");
    table.add({text_cell(member(zone, "name")), text_cell(member(zone, "default")),
               ports.is_array() && !ports.empty() ? zones_text(ports) : text_cell(ports)});
  }
  return table.take_page();
}

std::string render_rules(const json& answer) {
  Table table({{"RULE"}, {"FROM"}, {"TO"}, {"ACTION"}, {"PLACE"}, {"PACKETS", Align::right}, {"BYTES", Align::right}},
              "no rules");
  for (const json& rule : list_of(answer, "rules"))
    table.add({text_cell(member(rule, "name")), zones_text(member(rule, "from")), zones_text(member(rule, "to")),
               text_cell(member(rule, "action")), text_cell(member(rule, "place")), count_cell(member(rule, "packets")),
               bytes_cell(member(rule, "bytes"))});
  return table.take_page();
}

std::string render_drops(const json& answer, const json& before) {
  std::vector<Drop> drops;
  for (const json& drop : list_of(answer, "drops")) {
    const json* earlier = find_reason(list_of(before, "drops"), member(drop, "reason"));
    Drop row{text_cell(member(drop, "reason")), since(drop, earlier, "packets"), since(drop, earlier, "bytes"),
             text_cell(member(drop, "documentation"))};
    if (row.packets > 0) drops.push_back(std::move(row));
  }
  std::ranges::stable_sort(drops, std::greater{}, &Drop::packets);
  Table table({{"REASON"}, {"PACKETS", Align::right}, {"BYTES", Align::right}, {"MEANING"}}, "no packet was dropped");
  for (const Drop& drop : drops)
    table.add({drop.reason, grouped(drop.packets), bytes_text(drop.bytes), drop.documentation});
  return table.take_page();
}

}  // namespace twinpath::cli
