// neighbour_requests.hpp - the engine's requests to resolve neighbours that packets wait for.
#pragma once

#include "engine/hold_queue.hpp"

namespace twinpath {

// Implemented by the control plane. Called on the engine's thread: must not block, allocate or throw; a request may be
// lost, the engine repeats it while packets wait.
class NeighbourRequests {
 public:
  virtual ~NeighbourRequests() = default;
  virtual void request(const AwaitedNeighbour& neighbour) noexcept = 0;
};

}  // namespace twinpath
