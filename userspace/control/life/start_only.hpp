// start_only.hpp - the settings that take effect only when a gateway starts.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/fault.hpp"

namespace twinpath {

// A fault for every setting that differs in `next` and that a reload cannot change. If a reload accepted such a
// document, GET /v1/config would show settings that are not in force.
[[nodiscard]] std::vector<Fault> start_only_changes(const Config& running, const Config& next);

}  // namespace twinpath
