// flow_race_engine.hpp - the engine as one side of the race: the C++ build decides over the kernel's own tables.
//
// Thread   the caller's, for the length of run().
// Why      it stands apart because the verbs over all tables (engine/env.hpp) and those over flow tables alone, which
//          the rest of the test uses, may not meet in one file.
#pragma once

#include <array>
#include <cstdint>

#include "differential/kernel_side.hpp"
#include "tests/model/flow_race.h"

namespace twinpath::test {

// Packets of one side by what became of them; [DP_NONE] were sent.
using RaceTally = std::array<std::uint64_t, DP_REASONS>;

// Decides on the first packets of `flows` flows that come in by `port`, and lets each flow go as soon as it is sent.
[[nodiscard]] RaceTally race_as_engine(const KernelSide& kernel, std::uint32_t port, race_side& mine,
                                       const race_side& other, std::uint32_t flows);

}  // namespace twinpath::test
