// start_only.hpp - what of a document takes effect only when a gateway starts.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/fault.hpp"

namespace twinpath {

// A fault for every setting that `next` has otherwise than `running`, and that a reload cannot change. A reload that took
// such a document would show a configuration that is not in force.
[[nodiscard]] std::vector<Fault> start_only_changes(const Config& running, const Config& next);

}  // namespace twinpath
