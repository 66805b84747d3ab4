// clean_up.hpp - undoes what a gateway left on the host, alive or not: XDP, pins, offloads, sysctls, managed
// neighbours, journal.
#pragma once

#include <string>

#include "base/result.hpp"

namespace twinpath {

// The process must be in the gateway's network namespace, and no object may hold the pins.
[[nodiscard]] Status clean_up(const std::string& name);

}  // namespace twinpath
