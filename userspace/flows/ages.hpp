// ages.hpp - since when each slot of a flow table holds its present flow.
//
// An IPv4 entry has no room for the tick of its installation, so the control plane notes it beside the table, once a
// second: an age is up to a second too low, and after a restart it counts from the adoption.
// Thread   the control thread's. Memory: 8 bytes a slot.
#pragma once

#include <cstdint>
#include <vector>

#include "flows/scan.hpp"

namespace twinpath {

class FlowAges {
 public:
  // The flows of this bucket may be others than at the last update (FlowExpiry tells).
  void update(const TableView& table, std::uint32_t bucket, std::uint32_t now);
  // Ticks since the flow was first seen; 0 for one younger than the last update.
  [[nodiscard]] std::uint32_t age(std::uint64_t id, std::uint32_t now) const;

 private:
  struct Seen {
    std::uint32_t version = 0;  // of the control word, plus one: 0 is nothing seen
    std::uint32_t since = 0;
  };
  void note(std::uint32_t slot, std::uint32_t control, std::uint32_t now);

  std::vector<Seen> seen_;
};

}  // namespace twinpath
