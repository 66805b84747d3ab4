// port_counters.hpp - what the kernel datapath has counted of a port, from the two per-CPU maps in which it counts.
//
// Maps     `port_counters` by port, and `crossings` by the two ports of a plain hit (common/model/counters.h).
// Cost     a system call for each port that there may be; cold path.
#pragma once

#include "base/result.hpp"
#include "common/model/counters.h"

namespace twinpath {

// Descriptors of the maps.
struct PortCounterMaps {
  int port_counters;
  int crossings;
};

// Sums over all CPUs; plain hits included.
[[nodiscard]] dp_port_counters read_port_counters(const PortCounterMaps& maps, std::uint32_t port);

// Starts the port's counters at zero. Of a crossing that is another port's, too, its part is lost.
[[nodiscard]] Status clear_port_counters(const PortCounterMaps& maps, std::uint32_t port);

}  // namespace twinpath
