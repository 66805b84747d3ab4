// neighbour_requests.hpp - how the engine asks for a neighbour it has packets for.
#pragma once

#include "engine/hold_queue.hpp"

namespace twinpath {

// Implemented by the control plane. Called on the engine's thread: must not block, allocate or throw; a request may be
// lost, the engine repeats it while packets wait.
class NeighbourRequests {
 public:
  virtual ~NeighbourRequests() = default;
  virtual void ask(const AwaitedNeighbour& neighbour) noexcept = 0;
};

}  // namespace twinpath
