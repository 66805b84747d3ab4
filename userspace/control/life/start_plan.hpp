// start_plan.hpp - everything that can refuse a start before the host is changed: the journal of an earlier daemon, the
// compilation of the document, the survey of the devices. Of a reload: publish/reload_plan.hpp.
//
// Adoption  When a datapath of the same name is forwarding already, the start goes on with its pins and its journal: the
//           journal says which zone, port and rule each number in the tables means, and which changes to the host have to
//           be undone.
// Thread    the control thread's, in the gateway's network namespace.
#pragma once

#include <optional>
#include <string>

#include "control/life/running.hpp"
#include "control/ports/port_set.hpp"

namespace twinpath {

struct StartPlan {
  Running running;
  PortSet ports;  // surveyed; none is open
  std::string pins;
  bool adopting = false;  // pins of this name hold links: a datapath is forwarding
};

// The network namespace that the process is in: its name on the command line, empty for none, and its inode.
struct NetnsPlace {
  std::string name;
  netlink::NetnsInode inode = 0;
};

[[nodiscard]] Result<StartPlan> plan_start(const Config& config, const std::string& netns);

// The journal that the new daemon continues. Refused when a datapath is to be adopted whose journal is missing, or was
// written in another network namespace.
[[nodiscard]] Result<Journal> continue_journal(std::optional<Journal> saved, bool adopting, const Config& config,
                                               const NetnsPlace& here);

}  // namespace twinpath
