#include "telemetry/prometheus.hpp"

#include <fmt/format.h>

#include "base/flow_names.hpp"
#include "telemetry/reasons.hpp"

namespace twinpath {
namespace {

// The lines of one metric: its head, then `name{label="value"} number` for each sample.
class Metric {
 public:
  Metric(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    out_ += fmt::format("# HELP twinpath_{} {}\n# TYPE twinpath_{} {}\n", name, help, name, type);
  }
  void add(std::string_view labels, std::uint64_t value) {
    out_ += fmt::format("twinpath_{}{{{}}} {}\n", name_, labels, value);
  }

 private:
  std::string& out_;
  std::string_view name_;
};

void add_reasons(std::span<const ReasonSnapshot> reasons, std::string& out) {
  Metric packets(out, "packets_total", "counter", "Packets by reason (drop, steer, pass) and datapath.");
  for (const auto& [reason, kernel, engine] : reasons) {
    const std::string_view name = kReasons[reason].name;
    packets.add(fmt::format("reason=\"{}\",datapath=\"kernel\"", name), kernel.packets);
    packets.add(fmt::format("reason=\"{}\",datapath=\"engine\"", name), engine.packets);
  }
}

void add_ports(std::span<const PortSnapshot> ports, std::string& out) {
  Metric forwarded(out, "forwarded_packets_total", "counter", "Packets sent out of a port, by datapath.");
  for (const PortSnapshot& port : ports) {
    const PortTraffic traffic = port.traffic.value_or(PortTraffic{});
    forwarded.add(fmt::format("port=\"{}\",datapath=\"kernel\"", port.name), traffic.kernel.forwarded.packets);
    forwarded.add(fmt::format("port=\"{}\",datapath=\"engine\"", port.name), traffic.engine_transmitted.packets);
  }
}

void add_rules(std::span<const RuleSnapshot> rules, std::string& out) {
  const auto add = [&](std::string_view name, std::string_view help, __u64 dp_rule_counters::*field) {
    Metric metric(out, name, "counter", help);
    for (const RuleSnapshot& rule : rules) metric.add(fmt::format("rule=\"{}\"", rule.name), rule.counted.*field);
  };
  add("rule_packets_total", "Packets that a rule has decided, those of its flows included.",
      &dp_rule_counters::packets);
  add("rule_bytes_total", "Bytes of these packets.", &dp_rule_counters::bytes);
  add("rule_flows_total", "Flows that a rule has allowed.", &dp_rule_counters::flows);
  Metric unlogged(out, "rule_unlogged_packets_total", "counter", "Packets of rules with log that were not logged.");
  for (const RuleSnapshot& rule : rules) {
    unlogged.add(fmt::format("rule=\"{}\",why=\"suppressed\"", rule.name), rule.log.suppressed);
    unlogged.add(fmt::format("rule=\"{}\",why=\"lost\"", rule.name), rule.log.lost);
  }
}

void add_flows(const MetricsSnapshot& metrics, std::string& out) {
  Metric pairs(out, "flow_pairs", "gauge", "Policy pairs in the flow table, by family and state.");
  for (const auto& [family, table] : {std::pair{'4', &metrics.flows4}, std::pair{'6', &metrics.flows6}}) {
    const auto add = [&](dp_flow_state state, std::uint64_t count) {
      pairs.add(fmt::format("family=\"{}\",state=\"{}\"", family, word_of(kFlowStates, state)), count);
    };
    add(DP_FLOW_HALF_OPEN, table->pairs.half_open);
    add(DP_FLOW_ASSURED, table->pairs.assured);
    add(DP_FLOW_CLOSING, table->pairs.closing);
  }
}

// Beside the places: `sum` of them and `total`, which are equal, or there is a defect.
void add_frames(const LedgerSnapshot& ledger, std::string& out) {
  Metric metric(out, "frames", "gauge", "Frames of the AF_XDP memory, by place.");
  std::uint64_t sum = 0;
  for (const auto& [place, frames] : ledger.places) {
    metric.add(fmt::format("place=\"{}\"", place), frames);
    sum += frames;
  }
  metric.add("place=\"sum\"", sum);
  metric.add("place=\"total\"", ledger.total);
}

}  // namespace

std::string prometheus_text(const MetricsSnapshot& metrics) {
  std::string out;
  add_reasons(metrics.reasons, out);
  add_ports(metrics.ports, out);
  add_rules(metrics.rules, out);
  add_flows(metrics, out);
  add_frames(metrics.ledger, out);
  return out;
}

}  // namespace twinpath
