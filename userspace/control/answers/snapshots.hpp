// snapshots.hpp - fills the structs of telemetry/snapshot.hpp from live state.
//
// Thread   the control thread's; sources are read, never changed.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "afxdp/driver.hpp"
#include "config/compile.hpp"
#include "config/config.hpp"
#include "control/answers/rule_traffic.hpp"
#include "control/follow/route_tables.hpp"
#include "control/ports/port_set.hpp"
#include "engine/engine.hpp"
#include "flows/expiry.hpp"
#include "kernel/tables.hpp"
#include "telemetry/snapshot.hpp"

namespace twinpath {

struct SnapshotSources {
  const Config& config;
  const TableImage& image;
  const PortSet& ports;
  Tables& tables;
  const RouteTables& routes;
  std::uint64_t neighbours_refused;
  const afxdp::Driver& driver;
  const Engine& engine;
  const RuleTraffic& rules;  // refreshed by who asks for rules
  const ExpiryCounts& pairs4;
  const ExpiryCounts& pairs6;
  ConfirmSnapshot confirm;
  std::vector<std::string> problems;  // of the gateway as a whole
  std::string netns;
  std::chrono::seconds uptime;
};

[[nodiscard]] StatusSnapshot take_status(const SnapshotSources& sources);
[[nodiscard]] std::vector<PortSnapshot> take_ports(const SnapshotSources& sources);  // with traffic
[[nodiscard]] std::vector<ZoneSnapshot> take_zones(const SnapshotSources& sources);
[[nodiscard]] std::vector<RuleSnapshot> take_rules(const SnapshotSources& sources);
[[nodiscard]] std::vector<ReasonSnapshot> take_reasons(const SnapshotSources& sources);  // all but DP_NONE
[[nodiscard]] LedgerSnapshot take_ledger(const SnapshotSources& sources);
[[nodiscard]] EngineSnapshot take_engine(const SnapshotSources& sources);
[[nodiscard]] MetricsSnapshot take_metrics(const SnapshotSources& sources);

}  // namespace twinpath
