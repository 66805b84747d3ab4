// egress_queue.hpp - the queue of an egress port by which a frame leaves that came in by `ingress_queue`: flows keep their
// order. The header completes struct dp_env: for source files.
#pragma once

#include "engine/env.hpp"

namespace twinpath {

[[nodiscard]] inline std::uint16_t egress_queue(dp_env& env, std::uint16_t port, std::uint16_t ingress_queue) noexcept {
  const dp_port* egress = dp_env_port(&env, port);
  const std::uint16_t queues = egress != nullptr ? egress->queue_count : 0;
  return queues > 1 ? static_cast<std::uint16_t>(ingress_queue % queues) : std::uint16_t{0};
}

}  // namespace twinpath
