// forward_stage.hpp - rewrites a packet that leaves: translation, TTL, MAC addresses and tag, by common/edit/forward.h,
// which the kernel datapath uses too.
// Thread: the engine's; see stage.hpp for what a stage may do.
#pragma once

#include "engine/stage.hpp"

struct dp_env;

namespace twinpath {

class ForwardStage final : public Stage {
 public:
  explicit ForwardStage(dp_env& env) : env_(env) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "forward"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void forward(Item& item) noexcept;

  dp_env& env_;
};

}  // namespace twinpath
