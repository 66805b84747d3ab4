// decide_stage.hpp - the shared decision (common/decide) about a packet. An ICMP error is decided by the flow of the
// packet that it quotes (related.hpp). Thread: the engine's; see stage.hpp for what a stage may do.
#pragma once

#include "engine/counters.hpp"
#include "engine/flow_tally.hpp"
#include "engine/stage.hpp"

struct dp_env;

namespace twinpath {

class DecideStage final : public Stage {
 public:
  DecideStage(dp_env& env, FlowTally& tally) : env_(env), tally_(tally) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "decide"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void decide(Item& item) noexcept;
  void tell_acknowledgements(const dp_packet& packet) noexcept;

  dp_env& env_;
  FlowTally& tally_;
};

}  // namespace twinpath
