// flow_names.hpp - names of a policy pair's states and origins, in REST, CLI, metrics and log.
#pragma once

#include <array>

#include "base/choice.hpp"
#include "common/model/flow.h"

namespace twinpath {

// The states in which a pair is live. The others are steps of the table's protocol and never shown.
inline constexpr std::array kFlowStates = {Choice{"half-open", DP_FLOW_HALF_OPEN}, Choice{"assured", DP_FLOW_ASSURED},
                                           Choice{"closing", DP_FLOW_CLOSING}};

// Which datapath installed the pair.
enum class FlowOrigin { kernel, engine };
inline constexpr std::array kFlowOrigins = {Choice{"kernel", FlowOrigin::kernel}, Choice{"engine", FlowOrigin::engine}};

}  // namespace twinpath
