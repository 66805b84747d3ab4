// expansion.hpp - one operator's rule as the compiled rules it stands for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/model/rule.h"
#include "config/config.hpp"

namespace twinpath {

// How many compiled rules expand() would make; saturates instead of wrapping.
[[nodiscard]] std::size_t expansion_size(const RuleConfig& rule);

// Appends them to `run` under the rule id `id`. The caller has checked that expansion_size() fits.
void expand(const RuleConfig& rule, std::uint32_t id, std::vector<dp_rule>& run);

}  // namespace twinpath
