#include "control/answers/snapshots.hpp"

#include <sys/utsname.h>

#include <algorithm>

#include "kernel/port_counters.hpp"

namespace twinpath {
namespace {

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

SocketSnapshot socket_of(const Device& device, const DeviceSocket& socket, const afxdp::Driver& driver) {
  const afxdp::QueueStatistics& counted = driver.statistics(device.number, socket.queue);
  return {.queue = socket.queue,
          .zero_copy = socket.report.mode == afxdp::SocketMode::zerocopy,
          .attach = std::string(name_of(device.attach)),
          .fallback = socket.report.fallback,
          .received = counted.rx.value(),
          .sent = counted.tx.value(),
          .sent_in_bursts = counted.tx_bursts.value()};
}

PeerSnapshot peer_of(const Device& device) {
  if (!device.has_peer) return PeerSnapshot::none;
  return device.peer_reached ? PeerSnapshot::reached : PeerSnapshot::not_reached;
}

std::vector<std::string> problems_of(const Port& port) {
  std::vector<std::string> lines = port.device.all_problems();
  if (port.macs.size() > DP_PORT_MACS_MAX)
    lines.push_back(
        fmt::format("{} MAC addresses besides the device's: frames to the first {} are taken, others are dropped",
                    port.macs.size(), int{DP_PORT_MACS_MAX}));
  return lines;
}

std::vector<std::string> texts_of(const std::vector<MacAddress>& macs) {
  std::vector<std::string> texts;
  for (const MacAddress& mac : macs) texts.push_back(to_string(mac));
  return texts;
}

PortSnapshot port_of(const Port& port, const afxdp::Driver& driver) {
  const Device& device = port.device;
  PortSnapshot out{.name = port.config.name,
                   .device = port.config.device,
                   .zone = port.config.zone,
                   .attach = std::string(name_of(device.attach)),
                   .link_up = device.link.up(),
                   .mtu = device.link.mtu,
                   .workload = port.config.workload,
                   .takes_redirects = device.takes_redirects,
                   .macs = texts_of(port.macs),
                   .peer = peer_of(device),
                   .problems = problems_of(port),
                   .sockets = {},
                   .traffic = {}};
  for (const DeviceSocket& socket : device.sockets) out.sockets.push_back(socket_of(device, socket, driver));
  return out;
}

FlowTableSnapshot flow_table_of(const ExpiryCounts& pairs, const dp_table_shape& shape, bool crowded) {
  return {.pairs = pairs, .max_pairs = shape.max_pairs, .full = crowded};
}

}  // namespace

StatusSnapshot take_status(const SnapshotSources& sources) {
  const dp_settings& settings = sources.tables.memory().settings[0];
  StatusSnapshot out{.name = sources.config.name,
                     .version = TWINPATH_VERSION,
                     .uptime_s = static_cast<std::uint64_t>(sources.uptime.count()),
                     .generation = settings.stamp >> 16,
                     .epoch = settings.stamp & 0xffff,
                     .kernel = kernel_release(),
                     .netns = sources.netns,
                     .adopted = sources.tables.adopted(),
                     .problems = sources.problems,
                     .routes = {.prefixes = sources.routes.size(),
                                .memory_bytes = sources.routes.words() * sizeof(std::uint32_t),
                                .memory_bytes_max = sources.routes.words_max() * sizeof(std::uint32_t)},
                     .neighbours_refused = sources.neighbours_refused,
                     .ports = {},
                     .ledger = take_ledger(sources),
                     .flows4 = flow_table_of(sources.pairs4, settings.v4, (settings.crowded & DP_CROWDED_V4) != 0),
                     .flows6 = flow_table_of(sources.pairs6, settings.v6, (settings.crowded & DP_CROWDED_V6) != 0),
                     .engine = take_engine(sources),
                     .confirm = sources.confirm};
  for (const Port& port : sources.ports.ports()) out.ports.push_back(port_of(port, sources.driver));
  return out;
}

std::vector<PortSnapshot> take_ports(const SnapshotSources& sources) {
  std::vector<PortSnapshot> out;
  const EngineCounters& engine = sources.engine.counters();
  for (const Port& port : sources.ports.ports()) {
    out.push_back(port_of(port, sources.driver));
    out.back().traffic = PortTraffic{.kernel = read_port_counters(sources.tables.maps().port_counters, port.number),
                                     .engine_received = engine.received[port.number].read(),
                                     .engine_transmitted = engine.transmitted[port.number].read()};
  }
  return out;
}

std::vector<ZoneSnapshot> take_zones(const SnapshotSources& sources) {
  std::vector<ZoneSnapshot> out;
  for (const ZoneConfig& zone : sources.config.zones) {
    out.push_back({.name = zone.name, .default_action = zone.default_action, .ports = {}});
    for (const PortConfig& port : sources.config.ports)
      if (port.zone == zone.name) out.back().ports.push_back(port.name);
  }
  return out;
}

std::vector<RuleSnapshot> take_rules(const SnapshotSources& sources) {
  std::vector<RuleSnapshot> out;
  for (const RuleConfig& rule : sources.config.rules) {
    const auto id = sources.image.rule(rule.name);
    out.push_back({.name = rule.name,
                   .from = rule.from,
                   .to = rule.to,
                   .action = rule.action,
                   .place = rule.place,
                   .counted = sources.rules.of(id),
                   .log = sum_per_cpu<dp_log_counters>(sources.tables.maps().log_counts, id)});
  }
  return out;
}

std::vector<ReasonSnapshot> take_reasons(const SnapshotSources& sources) {
  std::vector<ReasonSnapshot> out;
  for (std::uint32_t reason = DP_NONE + 1; reason < DP_REASONS; ++reason)
    out.push_back({.reason = static_cast<dp_reason>(reason),
                   .kernel = sum_per_cpu<dp_counter>(sources.tables.maps().reasons, reason),
                   .engine = sources.engine.counters().reasons[reason].read()});
  return out;
}

LedgerSnapshot take_ledger(const SnapshotSources& sources) {
  const afxdp::FrameLedger& ledger = sources.driver.ledger();
  LedgerSnapshot out{.places = {}, .total = ledger.frames()};
  for (std::size_t index = 0; index < afxdp::kPlaces; ++index) {
    const auto place = static_cast<afxdp::Place>(index);
    out.places.push_back({afxdp::name_of(place), ledger.count(place)});
  }
  return out;
}

EngineSnapshot take_engine(const SnapshotSources& sources) {
  const EngineCounters& counters = sources.engine.counters();
  const auto packets = [](const auto& list) {
    std::uint64_t total = 0;
    for (const EngineCounter& counter : list) total += counter.read().packets;
    return total;
  };
  return {.received = packets(counters.received),
          .transmitted = packets(counters.transmitted),
          .made = counters.made.read().packets,
          .held = counters.held.read().packets,
          .holding = sources.engine.held(),
          .dropped = packets(counters.reasons)};
}

MetricsSnapshot take_metrics(const SnapshotSources& sources) {
  const dp_settings& settings = sources.tables.memory().settings[0];
  return {.reasons = take_reasons(sources),
          .ports = take_ports(sources),
          .rules = take_rules(sources),
          .flows4 = flow_table_of(sources.pairs4, settings.v4, (settings.crowded & DP_CROWDED_V4) != 0),
          .flows6 = flow_table_of(sources.pairs6, settings.v6, (settings.crowded & DP_CROWDED_V6) != 0),
          .ledger = take_ledger(sources)};
}

}  // namespace twinpath
