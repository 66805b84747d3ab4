// rule_counters.hpp - the counters of rules, by number: a new rule must not show the packets of an earlier one.
//
// Thread   the control thread's.
#pragma once

#include "config/compile.hpp"
#include "engine/engine.hpp"
#include "kernel/tables.hpp"

namespace twinpath {

// Sets the counters of image.fresh_rules to zero, in both datapaths. Call it before the image is in force.
[[nodiscard]] Status zero_fresh_rules(const TableImage& image, Tables& tables, Engine& engine);

}  // namespace twinpath
