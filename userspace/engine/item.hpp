// item.hpp - one frame in the stages: its facts, and what was decided about it.
#pragma once

#include <cstdint>

#include "afxdp/frame.hpp"
#include "common/model/context.h"

namespace twinpath {

// What the engine does with the frame after the last stage.
enum class Fate : std::uint8_t {
  undecided,   // later stages still work on it
  send,        // ready to leave by `egress_device`
  fragmented,  // its fragments leave by it: the frame itself is freed
  drop,        // counted under `reason`, then freed
  held,        // kept by the hold stage or by the reassembly stage
};

struct Item {
  afxdp::Frame frame;
  dp_context context;
  int reason = DP_NONE;  // enum dp_reason
  Fate fate = Fate::undecided;
  bool related = false;      // an ICMP error about the flow in context.view: takes its next hop, is not counted on it
  bool again = false;        // has been held: rule and hold counters have counted it before
  std::uint16_t egress = 0;  // port number
  std::uint16_t egress_device = 0;  // of that port
  std::uint16_t egress_tag = 0;     // that the frame was given, 0: none

  [[nodiscard]] bool undecided() const noexcept { return fate == Fate::undecided; }
  void drop(int why) noexcept {
    reason = why;
    fate = Fate::drop;
  }
};

}  // namespace twinpath
