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

// One zone or a list: "inside, guests"; "any" when none is named.
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
  const auto found =
      std::ranges::find_if(list, [&](const json& counted) { return member(counted, "reason") == reason; });
  return found == list.end() ? nullptr : &*found;
}

std::uint64_t since(const json& counted, const json* before, std::string_view field) {
  const std::uint64_t now = number_or_zero(member(counted, field));
  const std::uint64_t then = before == nullptr ? 0 : number_or_zero(member(*before, field));
  return now > then ? now - then : 0;
}

json list_since(const json& list, const json& before) {
  json since_then = json::array();
  for (json counted : list) {
    const json* earlier = find_reason(before, member(counted, "reason"));
    for (const char* field : {"packets", "bytes", "kernel", "engine"})
      if (member(counted, field).is_number()) counted[field] = since(counted, earlier, field);
    if (number_or_zero(member(counted, "packets")) > 0) since_then.push_back(std::move(counted));
  }
  return since_then;
}

std::string render_reasons(const json& list, std::string title, std::string when_empty) {
  std::vector<const json*> rows;
  for (const json& counted : list)
    if (number_or_zero(member(counted, "packets")) > 0) rows.push_back(&counted);
  std::ranges::stable_sort(rows, std::greater{},
                           [](const json* counted) { return number_or_zero(member(*counted, "packets")); });
  Table table({{std::move(title)}, {"PACKETS", Align::right}, {"BYTES", Align::right}, {"MEANING"}},
              std::move(when_empty));
  for (const json* counted : rows)
    table.add({text_cell(member(*counted, "reason")), count_cell(member(*counted, "packets")),
               bytes_cell(member(*counted, "bytes")), text_cell(member(*counted, "documentation"))});
  return table.take_page();
}

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
  Table table({{"RULE"},
               {"FROM"},
               {"TO"},
               {"ACTION"},
               {"PLACE"},
               {"FLOWS", Align::right},
               {"PACKETS", Align::right},
               {"BYTES", Align::right}},
              "no rules");
  for (const json& rule : list_of(answer, "rules"))
    table.add({text_cell(member(rule, "name")), zones_text(member(rule, "from")), zones_text(member(rule, "to")),
               text_cell(member(rule, "action")), text_cell(member(rule, "place")), count_cell(member(rule, "flows")),
               count_cell(member(rule, "packets")), bytes_cell(member(rule, "bytes"))});
  return table.take_page();
}

std::string render_drops(const json& answer) {
  return render_reasons(list_of(answer, "drops"), "REASON", "no packet was dropped");
}

std::string render_steered(const json& answer) {
  return render_reasons(list_of(answer, "steered"), "STEERED", "no packet was steered");
}

json counted_since(const json& answer, const json& before) {
  json since_then = json::object();
  for (const char* name : {"drops", "steered"})
    if (member(answer, name).is_array()) since_then[name] = list_since(list_of(answer, name), list_of(before, name));
  return since_then;
}

}  // namespace twinpath::cli
