// netns.hpp - work inside a network namespace given by name.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"

namespace twinpath::pktgen {

// `name` below /run/netns, or a path; empty: the caller's own. `work` runs on a thread of its own unless that is so.
[[nodiscard]] Status in_netns(const std::string& name, const std::function<Status()>& work);

}  // namespace twinpath::pktgen
