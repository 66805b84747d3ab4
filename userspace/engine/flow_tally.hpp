// flow_tally.hpp - counts packets of flows on the engine's side, and adds them to the flow table some times a second, with the
// last acknowledgement of each direction.
//
// Why      The kernel datapath reads the flow table's entry for each packet that it steers. If the engine wrote to the
//          entry for each packet, the entry's cache line would move between the two cores each time: measured with a
//          thousand flows, a third of both cores' time.
// Shape    direct-mapped by slot of the flow table. When a flow needs an entry that another flow has, the other flow's
//          counts are added to the table first. With more flows at a time than entries, nearly every packet writes to
//          the table.
// Exact    each packet is added once. The last counts of a flow that was deleted meanwhile are lost. "Last seen" is the
//          tick of the last packet counted here, also when the kernel has seen a later packet in between.
// Owner    the engine; its thread. Neither allocates nor throws after construction.
#pragma once

#include <cstdint>
#include <vector>

#include "common/model/flow.h"

struct dp_env;

namespace twinpath {

class FlowTally {
 public:
  explicit FlowTally(dp_env& env);
  ~FlowTally() { flush(); }
  FlowTally(const FlowTally&) = delete;
  FlowTally& operator=(const FlowTally&) = delete;

  // One packet of the half that `view` shows. `now` in ticks. `acked`: what it acknowledges, 0 when it says nothing of that.
  void count(std::uint8_t family, const dp_flow_view& view, std::uint32_t bytes, std::uint32_t now,
             __be32 acked = 0) noexcept;
  // Adds the counts of one flow's two halves: what is decided next reads what they have acknowledged.
  void flush(std::uint8_t family, const dp_flow_view& view) noexcept;
  // Adds all counts to the table.
  void flush() noexcept;
  [[nodiscard]] bool empty() const noexcept { return empty_; }

 private:
  struct Entry {
    std::uint32_t slot = 0;
    std::uint32_t control = 0;  // version of the flow's control word, with the family in place of the state
    std::uint32_t packets = 0;  // 0: the entry is free
    std::uint32_t seen = 0;     // tick of the last packet
    std::uint64_t bytes = 0;
    __be32 acked = 0;  // last acknowledgement of TCP; 0: none
  };
  void flush(Entry& entry) noexcept;

  dp_env& env_;
  std::vector<Entry> entries_;
  bool empty_ = true;
};

}  // namespace twinpath
