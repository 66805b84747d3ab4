// flow_tally.hpp - counts packets of flows on the engine's side, and adds them to the flow table some times a second.
//
// Why      An entry of the table is read by the kernel for each packet that it steers. If the engine wrote to it for each
//          one, its cache line would go from core to core and back every time: a third of both cores' time, with a
//          thousand flows.
// Shape    direct-mapped by slot. Whoever needs an occupied place has what was there added to the table first, so with
//          very many flows at a time it is as if there were no tally.
// Exact    every packet is added once; a flow that was deleted meanwhile takes its last counts along. "Last seen" is that of the
//          last packet counted here, also where the kernel has seen a later one in between.
// Owner    the engine, whose thread it is. Neither allocates nor throws after construction.
#pragma once

#include <cstdint>
#include <vector>

#include "common/model/flow.h"

struct dp_env;

namespace twinpath {

class FlowTally {
 public:
  explicit FlowTally(dp_env& env);
  ~FlowTally() { settle(); }
  FlowTally(const FlowTally&) = delete;
  FlowTally& operator=(const FlowTally&) = delete;

  // One packet of the half that `view` shows. `now` in ticks.
  void count(std::uint8_t family, const dp_flow_view& view, std::uint32_t bytes, std::uint32_t now) noexcept;
  // Adds everything to the table.
  void settle() noexcept;
  [[nodiscard]] bool empty() const noexcept { return empty_; }

 private:
  struct Place {
    std::uint32_t slot = 0;
    std::uint32_t control = 0;  // the version; where a control word has its state, the family
    std::uint32_t packets = 0;  // 0: the place is free
    std::uint32_t seen = 0;     // tick of the last packet
    std::uint64_t bytes = 0;
  };
  void settle(Place& place) noexcept;

  dp_env& env_;
  std::vector<Place> places_;
  bool empty_ = true;
};

}  // namespace twinpath
