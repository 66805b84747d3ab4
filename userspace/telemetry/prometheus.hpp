// prometheus.hpp - a snapshot as text of /metrics.
//
// Source   Prometheus text exposition format 0.0.4. Every name begins with `twinpath_`.
// Labels   are not escaped: names of ports and rules have no quote, backslash or newline (config/object_reader.hpp).
#pragma once

#include <string>

#include "telemetry/snapshot.hpp"

namespace twinpath {

[[nodiscard]] std::string prometheus_text(const MetricsSnapshot& metrics);

}  // namespace twinpath
