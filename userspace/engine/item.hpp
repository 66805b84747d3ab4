// item.hpp - one frame on its way through the stages, with what is known and decided of it.
#pragma once

#include <cstdint>

#include "afxdp/frame.hpp"
#include "common/model/context.h"

namespace twinpath {

// What is to happen to the frame when the burst leaves the last stage. Exactly one of them, always.
enum class Fate : std::uint8_t {
  undecided,   // later stages still work on it
  send,        // ready to leave by `egress`
  fragmented,  // its fragments leave by `egress`: the frame itself is freed
  drop,        // counted under `reason`, then freed
  held,        // kept by the hold stage or by the reassembly stage
};

struct Item {
  afxdp::Frame frame;
  dp_context context;
  int reason = DP_NONE;  // enum dp_reason
  Fate fate = Fate::undecided;
  bool related = false;      // an ICMP error about the flow in context.view: travels with it, is no packet of it
  bool again = false;        // has been held: was counted when it first passed
  std::uint16_t egress = 0;  // port number

  [[nodiscard]] bool undecided() const noexcept { return fate == Fate::undecided; }
  void drop(int why) noexcept {
    reason = why;
    fate = Fate::drop;
  }
};

}  // namespace twinpath
