// reports.hpp - what the gateway tells of itself, as JSON and as Prometheus text. Shapes: docs/rest.md.
//
// Thread   the control thread's; sources are read, never changed.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "afxdp/driver.hpp"
#include "config/compile.hpp"
#include "config/config.hpp"
#include "control/ports/port_set.hpp"
#include "engine/engine.hpp"
#include "flows/expiry.hpp"
#include "kernel/kernel_datapath.hpp"

namespace twinpath {

struct ReportSources {
  const Config& config;
  const PolicyImage& image;
  const PortSet& ports;
  KernelDatapath& datapath;
  const afxdp::Driver& driver;
  const Engine& engine;
  const ExpiryCounts& pairs4;
  const ExpiryCounts& pairs6;
  std::string netns;
  std::chrono::seconds uptime;
};

[[nodiscard]] nlohmann::json report_status(const ReportSources& sources);
[[nodiscard]] nlohmann::json report_ports(const ReportSources& sources);
[[nodiscard]] nlohmann::json report_zones(const ReportSources& sources);
[[nodiscard]] nlohmann::json report_rules(const ReportSources& sources);
// Every reason that has been met, kernel and engine together, and where.
[[nodiscard]] nlohmann::json report_drops(const ReportSources& sources);
[[nodiscard]] nlohmann::json report_engines(const ReportSources& sources);
[[nodiscard]] std::string report_metrics(const ReportSources& sources);

}  // namespace twinpath
