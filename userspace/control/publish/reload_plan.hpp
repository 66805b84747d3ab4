// reload_plan.hpp - a new document, checked against the running one and the host, with its tables compiled.
//
// Thread   plan_reload(): any. It works on copies, opens its own sockets to Linux, and changes nothing.
#pragma once

#include <algorithm>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/compile.hpp"
#include "config/config.hpp"
#include "config/fault.hpp"
#include "control/ports/port.hpp"
#include "control/ports/port_plan.hpp"

namespace twinpath {

struct ReloadPlan {
  Config next;
  TableImage image;
  PortPlan ports;
  std::vector<Port> added;  // surveyed, in the order of ports.added

  // False: no port is added or removed, or changes its zone, its border or its workload flag; only rules and settings
  // differ.
  [[nodiscard]] bool touches_ports(const Config& running) const {
    const auto differs = [&](const PortPlan::Kept& kept) {
      const PortConfig& before = running.ports[kept.before];
      const PortConfig& after = next.ports[kept.after];
      return kept.moves || !same_border(before, after) || before.workload != after.workload;
    };
    return !ports.empty() || std::ranges::any_of(ports.kept, differs);
  }
};

// The running state that plan_reload() compares a document with.
struct ReloadBase {
  Config running;
  NumberAllocation numbers;
  std::string pins;
};

[[nodiscard]] tl::expected<ReloadPlan, std::vector<Fault>> plan_reload(const ReloadBase& base, Config next);

}  // namespace twinpath
