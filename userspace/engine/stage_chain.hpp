// stage_chain.hpp - the stages of the user datapath, in the order in which a burst passes them. Only this file says the
// order.
//
//   read         facts of the packet, ingress port
//   reassembly   facts of the first fragment for the later ones; later fragments that came before the first wait
//   decide       the shared decision; an ICMP error is decided by the flow that it quotes
//   hold         packets without a resolved neighbour wait
//   error_reply  ICMP errors and resets for refused packets
//   forward      translation, TTL, MAC addresses and tag
//   fragment     IPv4 packets that are too big for their egress port
//
// Owner    the engine; its thread. The chain holds pointers to its own stages, so it is neither copied nor moved.
#pragma once

#include <array>

#include "engine/decide_stage.hpp"
#include "engine/error_reply_stage.hpp"
#include "engine/forward_stage.hpp"
#include "engine/fragment_stage.hpp"
#include "engine/hold_stage.hpp"
#include "engine/read_stage.hpp"
#include "engine/reassembly_stage.hpp"

namespace twinpath {

struct ChainLimits {
  std::uint32_t hold_total = 8192;
  std::uint32_t hold_per_neighbour = 64;
  ReassemblyLimits reassembly;
};

class StageChain {
 public:
  StageChain(dp_env& env, afxdp::FrameIo& io, NeighbourRequests& requests, EngineCounters& counters, FlowTally& tally,
             const ChainLimits& limits);
  StageChain(const StageChain&) = delete;
  StageChain& operator=(const StageChain&) = delete;

  [[nodiscard]] std::span<Stage* const> stages() const noexcept { return stages_; }
  void run(std::span<Item> items, std::uint32_t now) noexcept { run(stages_, items, now); }
  // Runs the stages behind `stage`, for items that have waited in it.
  void run_behind(const Stage& stage, std::span<Item> items, std::uint32_t now) noexcept;

  [[nodiscard]] ReassemblyStage& reassembly() noexcept { return reassembly_; }
  [[nodiscard]] DecideStage& decide() noexcept { return decide_; }
  [[nodiscard]] HoldStage& hold() noexcept { return hold_; }
  [[nodiscard]] ErrorReplyStage& error_reply() noexcept { return error_reply_; }

 private:
  static void run(std::span<Stage* const> stages, std::span<Item> items, std::uint32_t now) noexcept {
    for (Stage* stage : stages) stage->run(items, now);
  }

  ReadStage read_;
  ReassemblyStage reassembly_;
  DecideStage decide_;
  HoldStage hold_;
  ErrorReplyStage error_reply_;
  ForwardStage forward_;
  FragmentStage fragment_;
  std::array<Stage*, 7> stages_;
};

}  // namespace twinpath
