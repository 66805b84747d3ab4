#include "control/life/reports.hpp"

#include <sys/utsname.h>

#include <algorithm>

#include "telemetry/reasons.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

json counter_json(const dp_counter& counter) { return {{"packets", counter.packets}, {"bytes", counter.bytes}}; }

dp_counter sum(const dp_counter& a, const dp_counter& b) { return {a.packets + b.packets, a.bytes + b.bytes}; }

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

json sockets_json(const Port& port, const afxdp::Driver& driver) {
  json out = json::array();
  for (const PortSocket& socket : port.sockets) {
    const bool zero_copy = socket.report.mode == afxdp::SocketMode::zerocopy;
    json entry = {{"queue", socket.queue}, {"mode", zero_copy ? "zerocopy" : "copy"}};
    entry["rung"] = fmt::format("{}, {}", zero_copy ? "zero-copy" : "copy", name_of(port.attach));
    if (!socket.report.fallback.empty()) entry["fallback"] = socket.report.fallback;
    const afxdp::QueueStatistics& counted = driver.statistics(port.number, socket.queue);
    entry["received"] = counted.rx.value();
    entry["sent"] = counted.tx.value();
    entry["sent_in_bursts"] = counted.tx_bursts.value();
    out.push_back(std::move(entry));
  }
  return out;
}

json port_json(const Port& port, const afxdp::Driver& driver) {
  return {{"name", port.config.name},
          {"device", port.config.device},
          {"zone", port.config.zone},
          {"attach", name_of(port.attach)},
          {"link", port.link.up() ? "up" : "down"},
          {"mtu", port.link.mtu},
          {"workload", port.config.workload},
          {"redirect", port.takes_redirects},
          {"peer", !port.has_peer ? json(nullptr) : json(port.peer_reached ? "reached" : "not reached")},
          {"problems", port.problems},
          {"sockets", sockets_json(port, driver)}};
}

json ledger_json(const afxdp::FrameLedger& ledger) {
  using afxdp::Place;
  json out = {{"free", ledger.count(Place::free)},
              {"fill", ledger.count(Place::fill)},
              {"rx", ledger.count(Place::rx)},
              {"engine", ledger.count(Place::engine)},
              {"tx", ledger.count(Place::tx)},
              {"completion", ledger.count(Place::completion)},
              {"application", ledger.count(Place::application)}};
  std::uint64_t total = 0;
  for (const auto& place : out) total += place.get<std::uint64_t>();
  out["sum"] = total;
  out["total"] = ledger.frames();
  return out;
}

json pairs_json(const ExpiryCounts& pairs, std::uint32_t max_pairs, bool near_full) {
  return {{"pairs", pairs.live},      {"max_pairs", max_pairs},   {"half_open", pairs.half_open},
          {"assured", pairs.assured}, {"closing", pairs.closing}, {"full", near_full}};
}

dp_counter kernel_reason(const ReportSources& sources, std::uint32_t reason) {
  return sum_per_cpu<dp_counter>(sources.datapath.maps().reasons, reason);
}

json engine_json(const ReportSources& sources) {
  const EngineCounters& counters = sources.engine.counters();
  dp_counter received{};
  dp_counter transmitted{};
  for (std::size_t port = 0; port < DP_PORTS_MAX; ++port) {
    received = sum(received, counters.received[port].read());
    transmitted = sum(transmitted, counters.transmitted[port].read());
  }
  std::uint64_t dropped = 0;
  for (const EngineCounter& reason : counters.reasons) dropped += reason.read().packets;
  return {{"received", received.packets},         {"transmitted", transmitted.packets},
          {"made", counters.made.read().packets}, {"held", counters.held.read().packets},
          {"holding", sources.engine.held()},     {"dropped", dropped}};
}

// `name{label="value"} number` lines of one metric.
class Metric {
 public:
  Metric(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    out_ += fmt::format("# HELP twinpath_{} {}\n# TYPE twinpath_{} {}\n", name, help, name, type);
  }
  void add(std::string_view labels, std::uint64_t value) {
    out_ += fmt::format("twinpath_{}{{{}}} {}\n", name_, labels, value);
  }
  void add(std::uint64_t value) { out_ += fmt::format("twinpath_{} {}\n", name_, value); }

 private:
  std::string& out_;
  std::string name_;
};

}  // namespace

json report_status(const ReportSources& sources) {
  const dp_settings& settings = sources.datapath.memory().settings[0];
  json ports = json::array();
  for (const Port& port : sources.ports.ports()) ports.push_back(port_json(port, sources.driver));
  return {{"name", sources.config.name},
          {"version", TWINPATH_VERSION},
          {"uptime_s", sources.uptime.count()},
          {"generation", settings.stamp >> 16},
          {"epoch", settings.stamp & 0xffff},
          {"kernel", kernel_release()},
          {"netns", sources.netns},
          {"adopted", sources.datapath.adopted()},
          {"ports", ports},
          {"ledger", ledger_json(sources.driver.ledger())},
          {"flows",
           {{"v4", pairs_json(sources.pairs4, settings.v4.max_pairs, settings.evict_expired != 0)},
            {"v6", pairs_json(sources.pairs6, settings.v6.max_pairs, settings.evict_expired != 0)}}},
          {"engine", engine_json(sources)}};
}

json report_ports(const ReportSources& sources) {
  json out = json::array();
  for (const Port& port : sources.ports.ports()) {
    json entry = port_json(port, sources.driver);
    const auto counters = read_port_counters(sources.datapath.maps().port_counters, port.number);
    entry["received"] = counter_json(counters.received);
    entry["forwarded"] = counter_json(counters.forwarded);
    entry["steered"] = counter_json(counters.steered);
    entry["passed"] = counter_json(counters.passed);
    entry["dropped"] = counter_json(counters.dropped);
    entry["engine_received"] = counter_json(sources.engine.counters().received[port.number].read());
    entry["engine_transmitted"] = counter_json(sources.engine.counters().transmitted[port.number].read());
    out.push_back(std::move(entry));
  }
  return out;
}

json report_zones(const ReportSources& sources) {
  static constexpr std::array<std::string_view, 3> kActions{"drop", "allow", "reject"};
  json out = json::array();
  for (const ZoneConfig& zone : sources.config.zones) {
    json ports = json::array();
    for (const PortConfig& port : sources.config.ports) {
      if (port.zone == zone.name) ports.push_back(port.name);
    }
    out.push_back({{"name", zone.name}, {"default", kActions[zone.default_action]}, {"ports", ports}});
  }
  return out;
}

json report_rules(const ReportSources& sources) {
  static constexpr std::array<std::string_view, 3> kActions{"drop", "allow", "reject"};
  json out = json::array();
  for (const RuleConfig& rule : sources.config.rules) {
    const std::uint16_t id = sources.image.rule(rule.name);
    const dp_counter hits =
        sum(sum_per_cpu<dp_counter>(sources.datapath.maps().rule_hits, id), sources.engine.counters().rules[id].read());
    out.push_back({{"name", rule.name},
                   {"from", rule.from.empty() ? json("any") : json(rule.from)},
                   {"to", rule.to.empty() ? json("any") : json(rule.to)},
                   {"action", kActions[rule.action]},
                   {"place", rule.place == DP_PLACE_USER ? "user" : "auto"},
                   {"packets", hits.packets},
                   {"bytes", hits.bytes}});
  }
  return out;
}

json report_drops(const ReportSources& sources) {
  json out = json::array();
  for (std::uint32_t reason = 0; reason < DP_REASONS; ++reason) {
    if (dp_reason_verdict(static_cast<dp_reason>(reason)) != DP_DROP) continue;
    const dp_counter kernel = kernel_reason(sources, reason);
    const dp_counter engine = sources.engine.counters().reasons[reason].read();
    const dp_counter both = sum(kernel, engine);
    if (both.packets == 0) continue;
    out.push_back({{"reason", kReasons[reason].name},
                   {"packets", both.packets},
                   {"bytes", both.bytes},
                   {"kernel", kernel.packets},
                   {"engine", engine.packets},
                   {"documentation", kReasons[reason].documentation}});
  }
  return out;
}

json report_engines(const ReportSources& sources) {
  json entry = engine_json(sources);
  entry["name"] = "engine0";
  json steered = json::object();
  for (std::uint32_t reason = DP_STEER_PLACE_USER; reason < DP_PASS_HOST; ++reason) {
    const dp_counter counter = kernel_reason(sources, reason);
    if (counter.packets != 0) steered[std::string(kReasons[reason].name)] = counter.packets;
  }
  entry["steered"] = steered;
  entry["ledger"] = ledger_json(sources.driver.ledger());
  return json::array({entry});
}

std::string report_metrics(const ReportSources& sources) {
  std::string out;
  Metric packets(out, "packets_total", "counter", "Packets by reason (drop, steer, pass) and datapath.");
  for (std::uint32_t reason = 1; reason < DP_REASONS; ++reason) {
    const std::string_view name = kReasons[reason].name;
    packets.add(fmt::format("reason=\"{}\",datapath=\"kernel\"", name), kernel_reason(sources, reason).packets);
    packets.add(fmt::format("reason=\"{}\",datapath=\"engine\"", name),
                sources.engine.counters().reasons[reason].read().packets);
  }
  Metric forwarded(out, "forwarded_packets_total", "counter", "Packets sent out of a port, by datapath.");
  for (const Port& port : sources.ports.ports()) {
    const auto counters = read_port_counters(sources.datapath.maps().port_counters, port.number);
    forwarded.add(fmt::format("port=\"{}\",datapath=\"kernel\"", port.config.name), counters.forwarded.packets);
    forwarded.add(fmt::format("port=\"{}\",datapath=\"engine\"", port.config.name),
                  sources.engine.counters().transmitted[port.number].read().packets);
  }
  Metric hits(out, "rule_packets_total", "counter", "Packets judged by a rule.");
  const json rules = report_rules(sources);
  for (const json& rule : rules)
    hits.add(fmt::format("rule=\"{}\"", rule["name"].get<std::string>()), rule["packets"].get<std::uint64_t>());
  Metric pairs(out, "flow_pairs", "gauge", "Policy pairs in the flow table, by family and state.");
  for (const auto& [family, counts] : {std::pair{"4", sources.pairs4}, std::pair{"6", sources.pairs6}}) {
    pairs.add(fmt::format("family=\"{}\",state=\"half-open\"", family), counts.half_open);
    pairs.add(fmt::format("family=\"{}\",state=\"assured\"", family), counts.assured);
    pairs.add(fmt::format("family=\"{}\",state=\"closing\"", family), counts.closing);
  }
  Metric frames(out, "frames", "gauge", "Frames of the AF_XDP memory, by place.");
  const json ledger = ledger_json(sources.driver.ledger());
  for (const auto& [place, count] : ledger.items())
    frames.add(fmt::format("place=\"{}\"", place), count.get<std::uint64_t>());
  return out;
}

}  // namespace twinpath
