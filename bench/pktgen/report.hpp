// report.hpp - a measurement for people (table) and for programs (JSON). docs/pktgen.md explains each field.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "bench/pktgen/run.hpp"

namespace twinpath::pktgen {

// `driver` as it was chosen: "live" or "kernel".
[[nodiscard]] nlohmann::json report_json(const Report& report, const RunOptions& options, std::string_view driver);
[[nodiscard]] std::string report_table(const Report& report, const RunOptions& options, std::string_view driver);

}  // namespace twinpath::pktgen
