#include "base/protocol.hpp"
#include "config/choices.hpp"
#include "config/document.hpp"
#include "config/number_fields.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

json macs_json(const std::vector<MacAddress>& macs) {
  json list = json::array();
  for (const MacAddress& mac : macs) list.push_back(to_string(mac));
  return list;
}

json ether_types_json(const std::vector<std::uint16_t>& types) {
  json list = json::array();
  for (const std::uint16_t type : types) {
    const std::string_view word = word_of(kEtherTypes, type);
    list.push_back(word.empty() ? json(type) : json(word));
  }
  return list;
}

json port_json(const PortConfig& port) {
  return {{"name", port.name},
          {"device", port.device},
          {"zone", port.zone},
          {"hook", word_of(kHooks, port.hook)},
          {"attach", word_of(kAttaches, port.attach)},
          {"sockets", word_of(kSockets, port.sockets)},
          {"workload", port.workload},
          {"offloads", word_of(kOffloads, port.offloads)},
          {"source_check", word_of(kSourceChecks, port.source_check)},
          {"ra", word_of(kRouterAdvertisements, port.ra)},
          {"macs", macs_json(port.macs)},
          {"pass_ethertypes", ether_types_json(port.pass_ethertypes)},
          {"queues", port.queues == 0 ? json("all") : json(port.queues)}};
}

json zone_names(const std::vector<std::string>& zones) { return zones.empty() ? json("any") : json(zones); }

json prefixes_json(const std::vector<Prefix>& prefixes) {
  json list = json::array();
  for (const Prefix& prefix : prefixes) list.push_back(prefix.text());
  return list;
}

json ranges_json(const std::vector<Range>& ranges) {
  json list = json::array();
  for (const Range& range : ranges) {
    if (range.low == range.high)
      list.push_back(range.low);
    else
      list.push_back(std::to_string(range.low) + "-" + std::to_string(range.high));
  }
  return list;
}

json protocol_json(std::uint16_t protocol) {
  if (protocol == DP_PROTOCOL_ANY) return "any";
  const std::string_view word = word_of(kProtocols, protocol);
  return word.empty() ? json(protocol) : json(word);
}

json rule_json(const RuleConfig& rule) {
  return {{"name", rule.name},
          {"from", zone_names(rule.from)},
          {"to", zone_names(rule.to)},
          {"protocol", protocol_json(rule.protocol)},
          {"source", prefixes_json(rule.source)},
          {"destination", prefixes_json(rule.destination)},
          {"source_port", ranges_json(rule.source_ports)},
          {"destination_port", ranges_json(rule.destination_ports)},
          {"icmp_type", ranges_json(rule.icmp_types)},
          {"action", word_of(kActions, rule.action)},
          {"place", word_of(kPlaces, rule.place)},
          {"log", rule.log}};
}

json flows_json(const FlowsConfig& flows) {
  json timeouts;
  for (const TimeoutField& field : kTimeoutFields) timeouts[std::string(field.key)] = flows.timeouts.*field.seconds;
  return {{"max_pairs_v4", flows.max_pairs_v4},       {"max_pairs_v6", flows.max_pairs_v6},
          {"half_open_share", flows.half_open_share}, {"pickup", word_of(kPickups, flows.pickup)},
          {"pickup_grace_s", flows.pickup_grace_s},   {"timeouts", std::move(timeouts)}};
}

json engine_json(const EngineConfig& engine) {
  json budget;
  for (const BudgetField& field : kBudgetFields) budget[std::string(field.key)] = engine.budget_pps.*field.pps;
  return {{"workers", engine.workers},         {"frames", engine.frames},
          {"frame_bytes", engine.frame_bytes}, {"busy_poll", engine.busy_poll},
          {"bursts", engine.bursts},           {"hold_per_neighbour", engine.hold_per_neighbour},
          {"budget_pps", std::move(budget)}};
}

json api_json(const ApiConfig& api) {
  json section = {{"unix", api.unix_path}};
  if (api.http) section["http"] = to_string(*api.http);
  if (!api.token_file.empty()) section["token_file"] = api.token_file;
  return section;
}

}  // namespace

json to_json(const Config& config) {
  json document = {
      {"name", config.name},
      {"ports", json::array()},
      {"zones", json::object()},
      {"rules", json::array()},
      {"flows", flows_json(config.flows)},
      {"engine", engine_json(config.engine)},
      {"check", {{"one_in", config.check_one_in}}},
      {"api", api_json(config.api)},
      {"safety", {{"confirm_s", config.safety.confirm_s}, {"on_exit", word_of(kOnExits, config.safety.on_exit)}}}};
  for (const PortConfig& port : config.ports) document["ports"].push_back(port_json(port));
  for (const ZoneConfig& zone : config.zones)
    document["zones"][zone.name] = {{"default", word_of(kActions, zone.default_action)}};
  for (const RuleConfig& rule : config.rules) document["rules"].push_back(rule_json(rule));
  return document;
}

}  // namespace twinpath
