// port_plan.hpp - what a reload does to the ports: which stay, which come, which go, and the numbers they have.
//
// Identity  a port is its device. So a port may change its name and keep its number, its counters and its flows; and a
//           name that moves to another device is one port that goes and one that comes.
// Numbers   what stays keeps its number. What comes never gets the number of what goes in the same step, since both are
//           there for a moment. A number that nobody has any more is given again only when all others are taken, and may
//           then mean another port at once: flow entries hold no port numbers, only next hops, and these are believed only
//           under the generation they were decided in, which a reload ends.
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
  NumberAllocation numbers;          // with a number for every port of either

  [[nodiscard]] bool empty() const { return added.empty() && removed.empty(); }
};

// Refused only when ports that go and ports that come are more together than there are numbers.
[[nodiscard]] Result<PortPlan> plan_ports(const Config& running, const Config& next,
                                          const NumberAllocation& allocation);

// Numbers of zones that had another name's number before: flows of that other zone may still be in the table.
[[nodiscard]] std::vector<std::uint8_t> find_reassigned_zones(const NumberAllocation& before,
                                                              const NumberAllocation& after);
// Numbers of ports that were nobody's, or another name's: their counters start at zero.
[[nodiscard]] std::vector<std::uint16_t> fresh_ports(const PortPlan& plan, const Config& next,
                                                     const NumberAllocation& before);

// For `reload --dry-run`: {"added": [...], "removed": [...], "changed": ["lan: zone inside, now dmz"]}, each of them names.
[[nodiscard]] nlohmann::json port_changes(const Config& running, const Config& next);
[[nodiscard]] nlohmann::json zone_changes(const Config& running, const Config& next);

}  // namespace twinpath
