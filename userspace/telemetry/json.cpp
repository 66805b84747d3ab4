#include "telemetry/json.hpp"

#include <fmt/format.h>

#include "config/choices.hpp"
#include "telemetry/reasons.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

json counter_json(const dp_counter& counter) { return {{"packets", counter.packets}, {"bytes", counter.bytes}}; }

json zone_list(const std::vector<std::string>& zones) { return zones.empty() ? json("any") : json(zones); }

json socket_json(const SocketSnapshot& socket) {
  json out = {{"queue", socket.queue},
              {"mode", socket.zero_copy ? "zerocopy" : "copy"},
              {"rung", fmt::format("{}, {}", socket.zero_copy ? "zero-copy" : "copy", socket.attach)},
              {"received", socket.received},
              {"sent", socket.sent},
              {"sent_in_bursts", socket.sent_in_bursts}};
  if (!socket.fallback.empty()) out["fallback"] = socket.fallback;
  return out;
}

json peer_json(PeerSnapshot peer) {
  if (peer == PeerSnapshot::none) return nullptr;
  return peer == PeerSnapshot::reached ? "reached" : "not reached";
}

void add_traffic(const PortTraffic& traffic, json& port) {
  port["received"] = counter_json(traffic.kernel.received);
  port["forwarded"] = counter_json(traffic.kernel.forwarded);
  port["steered"] = counter_json(traffic.kernel.steered);
  port["passed"] = counter_json(traffic.kernel.passed);
  port["dropped"] = counter_json(traffic.kernel.dropped);
  port["engine_received"] = counter_json(traffic.engine_received);
  port["engine_transmitted"] = counter_json(traffic.engine_transmitted);
}

json port_json(const PortSnapshot& port) {
  json sockets = json::array();
  for (const SocketSnapshot& socket : port.sockets) sockets.push_back(socket_json(socket));
  json out = {{"name", port.name},
              {"device", port.device},
              {"zone", port.zone},
              {"attach", port.attach},
              {"link", port.link_up ? "up" : "down"},
              {"mtu", port.mtu},
              {"workload", port.workload},
              {"redirect", port.takes_redirects},
              {"macs", port.macs},
              {"peer", peer_json(port.peer)},
              {"problems", port.problems},
              {"sockets", std::move(sockets)}};
  if (port.traffic) add_traffic(*port.traffic, out);
  return out;
}

json routes_json(const RoutesSnapshot& routes) {
  return {{"prefixes", routes.prefixes},
          {"memory_bytes", routes.memory_bytes},
          {"memory_bytes_max", routes.memory_bytes_max}};
}

json ledger_json(const LedgerSnapshot& ledger) {
  json out;
  std::uint64_t sum = 0;
  for (const auto& [place, frames] : ledger.places) {
    out[std::string(place)] = frames;
    sum += frames;
  }
  out["sum"] = sum;
  out["total"] = ledger.total;
  return out;
}

json flow_table_json(const FlowTableSnapshot& table) {
  return {{"pairs", table.pairs.live},      {"max_pairs", table.max_pairs},   {"half_open", table.pairs.half_open},
          {"assured", table.pairs.assured}, {"closing", table.pairs.closing}, {"full", table.full}};
}

json engine_json(const EngineSnapshot& engine) {
  return {{"received", engine.received}, {"transmitted", engine.transmitted}, {"made", engine.made},
          {"held", engine.held},         {"holding", engine.holding},         {"dropped", engine.dropped}};
}

json confirm_json(const ConfirmSnapshot& confirm) {
  if (!confirm.waiting) return {{"waiting", false}};
  return {{"waiting", true},
          {"seconds_left", confirm.seconds_left},
          {"undo", confirm.undo == UndoSnapshot::rollback ? "rollback" : "down"}};
}

json reason_json(const ReasonSnapshot& counted) {
  const ReasonText& text = kReasons[counted.reason];
  return {{"reason", text.name},
          {"packets", counted.kernel.packets + counted.engine.packets},
          {"bytes", counted.kernel.bytes + counted.engine.bytes},
          {"kernel", counted.kernel.packets},
          {"engine", counted.engine.packets},
          {"documentation", text.documentation}};
}

}  // namespace

json status_json(const StatusSnapshot& status) {
  json ports = json::array();
  for (const PortSnapshot& port : status.ports) ports.push_back(port_json(port));
  return {{"name", status.name},
          {"version", status.version},
          {"uptime_s", status.uptime_s},
          {"generation", status.generation},
          {"epoch", status.epoch},
          {"kernel", status.kernel},
          {"netns", status.netns},
          {"adopted", status.adopted},
          {"problems", status.problems},
          {"routes", routes_json(status.routes)},
          {"neighbours", {{"refused", status.neighbours_refused}}},
          {"ports", std::move(ports)},
          {"ledger", ledger_json(status.ledger)},
          {"flows", {{"v4", flow_table_json(status.flows4)}, {"v6", flow_table_json(status.flows6)}}},
          {"engine", engine_json(status.engine)},
          {"confirm", confirm_json(status.confirm)}};
}

json ports_json(std::span<const PortSnapshot> ports) {
  json out = json::array();
  for (const PortSnapshot& port : ports) out.push_back(port_json(port));
  return out;
}

json zones_json(std::span<const ZoneSnapshot> zones) {
  json out = json::array();
  for (const ZoneSnapshot& zone : zones)
    out.push_back({{"name", zone.name}, {"default", word_of(kActions, zone.default_action)}, {"ports", zone.ports}});
  return out;
}

json rules_json(std::span<const RuleSnapshot> rules) {
  json out = json::array();
  for (const RuleSnapshot& rule : rules)
    out.push_back({{"name", rule.name},
                   {"from", zone_list(rule.from)},
                   {"to", zone_list(rule.to)},
                   {"action", word_of(kActions, rule.action)},
                   {"place", word_of(kPlaces, rule.place)},
                   {"packets", rule.counted.packets},
                   {"bytes", rule.counted.bytes},
                   {"flows", rule.counted.flows},
                   {"log", {{"suppressed", rule.log.suppressed}, {"lost", rule.log.lost}}}});
  return out;
}

json drops_json(std::span<const ReasonSnapshot> reasons) {
  json out = json::array();
  for (const ReasonSnapshot& counted : reasons) {
    if (dp_reason_verdict(counted.reason) != DP_DROP) continue;
    if (counted.kernel.packets + counted.engine.packets != 0) out.push_back(reason_json(counted));
  }
  return out;
}

json steered_json(std::span<const ReasonSnapshot> reasons) {
  json out = json::array();
  for (const auto& [reason, kernel, engine] : reasons) {
    if (dp_reason_verdict(reason) != DP_STEER || kernel.packets == 0) continue;
    const ReasonText& text = kReasons[reason];
    out.push_back({{"reason", text.name},
                   {"packets", kernel.packets},
                   {"bytes", kernel.bytes},
                   {"documentation", text.documentation}});
  }
  return out;
}

json engines_json(const EngineSnapshot& engine, std::span<const ReasonSnapshot> reasons, const LedgerSnapshot& ledger) {
  json entry = engine_json(engine);
  entry["name"] = "engine0";
  entry["steered"] = json::object();
  for (const auto& [reason, kernel, by_engine] : reasons) {
    if (dp_reason_verdict(reason) == DP_STEER && kernel.packets != 0)
      entry["steered"][std::string(kReasons[reason].name)] = kernel.packets;
  }
  entry["ledger"] = ledger_json(ledger);
  return json::array({std::move(entry)});
}

json policy_changes_json(const PolicyDiff& changes) {
  return {{"added", changes.added},
          {"removed", changes.removed},
          {"changed", changes.changed},
          {"reordered", changes.reordered},
          {"defaults", changes.defaults}};
}

}  // namespace twinpath
