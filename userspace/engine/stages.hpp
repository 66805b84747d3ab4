// stages.hpp - the steps of the user datapath, in the order a burst passes them.
//
//   Read      facts from the frame; the ingress port from the metadata that XDP left in front of it
//   Fragments facts of the first fragment for the later ones (fragment_stage.hpp)
//   Judge     the shared decision; ICMP errors are matched with the flow they speak of (related.hpp)
//   Hold      packets whose neighbour is not resolved yet wait
//   Answer    ICMP errors and resets for packets that are refused
//   Rewrite   what both datapaths do last, then out of the egress port
//   Fragmented       what is too big for the way out leaves in fragments (cut.hpp)
//
// Thread   the engine's; see stage.hpp for what a stage may do.
#pragma once

#include <array>

#include "afxdp/frame_io.hpp"
#include "engine/counters.hpp"
#include "engine/error_reply.hpp"
#include "engine/hold_queue.hpp"
#include "engine/neighbour_requests.hpp"
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

class JudgeStage final : public Stage {
 public:
  JudgeStage(dp_env& env, EngineCounters& counters) : env_(env), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "judge"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void judge(Item& item) noexcept;

  dp_env& env_;
  EngineCounters& counters_;
};

class HoldStage final : public Stage {
 public:
  HoldStage(dp_env& env, HoldQueue& queue, NeighbourRequests& requests, EngineCounters& counters)
      : env_(env), queue_(queue), requests_(requests), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "hold"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;
  // Asks once more for the neighbour of a packet that still waits: a request may have been lost.
  void ask_again(Waiting& waiting, std::uint32_t now) noexcept;
  // Has Linux given the neighbour up since the packet came, or since this was last asked? A failure from before does not
  // count: the packet has made Linux try anew. The packet has just been judged again.
  [[nodiscard]] bool given_up(Waiting& waiting) noexcept;

 private:
  void hold(Item& item, std::uint32_t now) noexcept;
  [[nodiscard]] AwaitedNeighbour awaited(const Item& item) noexcept;
  [[nodiscard]] bool has_failed(std::uint16_t next_hop) noexcept;

  dp_env& env_;
  HoldQueue& queue_;
  NeighbourRequests& requests_;
  EngineCounters& counters_;
};

class ErrorReplyStage final : public Stage {
 public:
  ErrorReplyStage(dp_env& env, afxdp::FrameIo& io, EngineCounters& counters)
      : env_(env), io_(io), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "answer"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;
  void set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept { addresses_[port] = addresses; }

 private:
  void answer(const Item& item, ErrorReplyKind kind, std::uint32_t now) noexcept;

  dp_env& env_;
  afxdp::FrameIo& io_;
  EngineCounters& counters_;
  std::array<PortAddresses, DP_PORTS_MAX> addresses_{};
};

class RewriteStage final : public Stage {
 public:
  explicit RewriteStage(dp_env& env) : env_(env) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "rewrite"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void rewrite(Item& item) noexcept;

  dp_env& env_;
};

class FragmentStage final : public Stage {
 public:
  FragmentStage(dp_env& env, afxdp::FrameIo& io, EngineCounters& counters) : env_(env), io_(io), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "cut"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void cut(Item& item) noexcept;
  // Sends all or, when the ring is full in between, the first of them. False: not all.
  [[nodiscard]] bool send(std::span<const afxdp::Frame> fragments, const Item& item) noexcept;

  dp_env& env_;
  afxdp::FrameIo& io_;
  EngineCounters& counters_;
};

// The queue of the egress port that a frame from this ingress queue leaves by: flows keep their order.
[[nodiscard]] std::uint16_t egress_queue(dp_env& env, std::uint16_t port, std::uint16_t ingress_queue) noexcept;

}  // namespace twinpath
