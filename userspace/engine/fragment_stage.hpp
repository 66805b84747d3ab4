// fragment_stage.hpp - an IPv4 packet that is too big for its egress port, and may be fragmented, leaves in fragments
// (fragmenter.hpp). Thread: the engine's; see stage.hpp for what a stage may do.
#pragma once

#include "afxdp/frame_io.hpp"
#include "engine/counters.hpp"
#include "engine/stage.hpp"

struct dp_env;

namespace twinpath {

class FragmentStage final : public Stage {
 public:
  FragmentStage(dp_env& env, afxdp::FrameIo& io, EngineCounters& counters) : env_(env), io_(io), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "fragment"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void fragment(Item& item) noexcept;
  // Transmits the fragments. False: the ring became full in between; the fragments before that are sent, the rest
  // released.
  [[nodiscard]] bool send(std::span<const afxdp::Frame> fragments, const Item& item) noexcept;

  dp_env& env_;
  afxdp::FrameIo& io_;
  EngineCounters& counters_;
};

}  // namespace twinpath
