// port_counters.hpp - what the kernel datapath has counted of a port, in the per-CPU map `port_counters`
// (common/model/counters.h). A system call per port, so ask only for ports that there are.
#pragma once

#include "base/result.hpp"
#include "common/model/counters.h"

namespace twinpath {

// Sum over all CPUs. `map` is the fd of `port_counters`.
[[nodiscard]] dp_port_counters read_port_counters(int map, std::uint32_t port);

// Starts the port's counters at zero.
[[nodiscard]] Status clear_port_counters(int map, std::uint32_t port);

}  // namespace twinpath
