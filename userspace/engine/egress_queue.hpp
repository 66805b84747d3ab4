// egress_queue.hpp - the egress device's queue for a frame that came in by `ingress_queue`. All packets of a flow come in
// by one queue, so they leave by one queue and keep their order. Includes env.hpp, which completes struct dp_env:
// include it from source files only.
#pragma once

#include "engine/env.hpp"

namespace twinpath {

[[nodiscard]] inline std::uint16_t egress_queue(dp_env& env, std::uint16_t device,
                                                std::uint16_t ingress_queue) noexcept {
  const dp_device* egress = dp_env_device(&env, device);
  const std::uint16_t queues = egress != nullptr ? egress->queue_count : 0;
  return queues > 1 ? static_cast<std::uint16_t>(ingress_queue % queues) : std::uint16_t{0};
}

}  // namespace twinpath
