// port_plan.hpp - which ports a reload keeps, adds and removes, and the number of each.
//
// Identity  A port is identified by its device. So a renamed port keeps its number, counters and flows; and a name that
//           moves to another device means one removed port and one added port.
// Numbers   A kept port keeps its number. An added port never reuses the number of a port that the same reload removes,
//           since both exist until the reload is complete. The number of a port that was removed earlier is reused only
//           when no unused number is left, and then without a delay: flow entries hold no port numbers, only next hops,
//           and a datapath uses those only under the generation they were decided in, which a reload ends.
// Thread    pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/numbers.hpp"

namespace twinpath {

struct PortPlan {
  struct Kept {
    std::size_t before;  // index into the ports of the running document
    std::size_t after;   // and of the next one
    bool moves;          // to another zone
  };
  std::vector<Kept> kept;
  std::vector<std::size_t> added;    // indices into the next document
  std::vector<std::size_t> removed;  // indices into the running one
  NumberAllocation numbers;          // has a number for every port and every device of both documents

  [[nodiscard]] bool empty() const { return added.empty() && removed.empty(); }
};

// Refused only when the running ports and the added ports together need more numbers than there are.
[[nodiscard]] Result<PortPlan> plan_ports(const Config& running, const Config& next,
                                          const NumberAllocation& allocation);

// Numbers of added ports that `before` had not assigned to the same name: their counters have to start at zero.
[[nodiscard]] std::vector<std::uint16_t> fresh_ports(const PortPlan& plan, const Config& next,
                                                     const NumberAllocation& before);

// For `reload --dry-run`: {"added": [...], "removed": [...], "changed": ["lan: zone inside, now dmz"]}, each of them
// names.
[[nodiscard]] nlohmann::json port_changes(const Config& running, const Config& next);
[[nodiscard]] nlohmann::json zone_changes(const Config& running, const Config& next);

}  // namespace twinpath
