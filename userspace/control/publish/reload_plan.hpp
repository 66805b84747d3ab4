// reload_plan.hpp - a document that has been compared with the one in force and found to fit the host; nothing is touched.
//
// Thread   plan_reload(): any. It works on copies and asks Linux by sockets of its own.
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

  // False: nothing of what packets find out about their port changes; rules and settings at most.
  [[nodiscard]] bool touches_ports(const Config& running) const {
    const auto differs = [&](const PortPlan::Kept& kept) {
      const PortConfig& before = running.ports[kept.before];
      const PortConfig& after = next.ports[kept.after];
      return kept.moves || before.source_check != after.source_check || before.workload != after.workload;
    };
    return !ports.empty() || std::ranges::any_of(ports.kept, differs);
  }
};

// What a document is compared with.
struct ReloadBase {
  Config running;
  NumberAllocation numbers;
  std::string pins;
};

[[nodiscard]] tl::expected<ReloadPlan, std::vector<Fault>> plan_reload(const ReloadBase& base, Config next);

}  // namespace twinpath
