// drive.hpp - which generator a command line gets, and the measurement with it.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "bench/pktgen/options.hpp"
#include "bench/pktgen/run.hpp"

namespace twinpath::pktgen {

struct Outcome {
  Report report;
  std::string_view driver;  // "kernel" or "live"
};

// `folder` is /proc/net/pktgen, or a test's stand-in.
[[nodiscard]] Result<Outcome> drive(const CommandLine& line, const std::string& folder, const std::atomic<bool>* stop);

}  // namespace twinpath::pktgen
