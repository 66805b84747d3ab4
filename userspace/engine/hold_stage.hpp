// hold_stage.hpp - holds packets whose neighbour is not resolved yet, and the later packets of their flows.
// Thread: the engine's; see stage.hpp for what a stage may do.
#pragma once

#include "engine/counters.hpp"
#include "engine/hold_queue.hpp"
#include "engine/neighbour_requests.hpp"
#include "engine/stage.hpp"

struct dp_env;

namespace twinpath {

class HoldStage final : public Stage {
 public:
  HoldStage(dp_env& env, NeighbourRequests& requests, EngineCounters& counters, std::uint32_t total,
            std::uint32_t per_neighbour)
      : env_(env), requests_(requests), counters_(counters), queue_(total, per_neighbour) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "hold"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;
  [[nodiscard]] HoldQueue& queue() noexcept { return queue_; }
  // Requests the neighbour of a packet that still waits once more, after a second: a request may be lost.
  void request_again(Waiting& waiting, std::uint32_t now) noexcept;
  // Whether the neighbour has failed since the packet came, or since the last call. An earlier failure does not count:
  // the packet has made Linux try again. Precondition: the packet has just been decided again.
  [[nodiscard]] bool newly_failed(Waiting& waiting) noexcept;

 private:
  void hold(Item& item, std::uint32_t now) noexcept;
  [[nodiscard]] AwaitedNeighbour awaited(const Item& item) noexcept;
  [[nodiscard]] bool has_failed(std::uint16_t next_hop) noexcept;

  dp_env& env_;
  NeighbourRequests& requests_;
  EngineCounters& counters_;
  HoldQueue queue_;
};

}  // namespace twinpath
