// reasons.hpp - names and explanations of drop, steer and pass reasons, from common/model/reasons.def.
#pragma once

#include <array>
#include <string_view>

#include "common/model/verdict.h"

namespace twinpath {

struct ReasonText {
  std::string_view name;  // in REST, metrics, logs
  std::string_view documentation;
};

inline constexpr std::array<ReasonText, DP_REASONS> kReasons{{
#define DP_REASON(enumerator, name, verdict, documentation) {name, documentation},
#include "common/model/reasons.def"
#undef DP_REASON
}};

}  // namespace twinpath
