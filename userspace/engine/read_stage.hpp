// read_stage.hpp - reads a steered frame: the facts of its packet, and its ingress port from the metadata that XDP left in
// front of it. Thread: the engine's; see stage.hpp for what a stage may do.
#pragma once

#include "engine/counters.hpp"
#include "engine/stage.hpp"

struct dp_env;

namespace twinpath {

class ReadStage final : public Stage {
 public:
  ReadStage(dp_env& env, EngineCounters& counters) : env_(env), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "read"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void read(Item& item, std::uint32_t now) noexcept;

  dp_env& env_;
  EngineCounters& counters_;
};

}  // namespace twinpath
