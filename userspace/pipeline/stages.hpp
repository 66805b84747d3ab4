// stages.hpp - the steps of the user datapath, in the order a burst passes them.
//
//   Read      facts from the frame; the ingress port from the metadata that XDP left in front of it
//   Judge     the shared decision
//   Hold      packets whose neighbour is not resolved yet wait
//   Answer    ICMP errors and resets for packets that are refused
//   Rewrite   what both datapaths do last, then out of the egress port
//
// Thread   the engine's; see stage.hpp for what a stage may do.
#pragma once

#include <array>

#include "afxdp/driver.hpp"
#include "pipeline/answer.hpp"
#include "pipeline/counters.hpp"
#include "pipeline/holding_pen.hpp"
#include "pipeline/neighbour_requests.hpp"
#include "pipeline/stage.hpp"

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
  dp_env& env_;
  EngineCounters& counters_;
};

class HoldStage final : public Stage {
 public:
  HoldStage(dp_env& env, HoldingPen& pen, NeighbourRequests& requests, EngineCounters& counters)
      : env_(env), pen_(pen), requests_(requests), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "hold"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

 private:
  void hold(Item& item, std::uint32_t now) noexcept;
  [[nodiscard]] AwaitedNeighbour awaited(const Item& item) noexcept;

  dp_env& env_;
  HoldingPen& pen_;
  NeighbourRequests& requests_;
  EngineCounters& counters_;
};

class AnswerStage final : public Stage {
 public:
  AnswerStage(dp_env& env, afxdp::Driver& driver, EngineCounters& counters)
      : env_(env), driver_(driver), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "answer"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;
  void set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept { addresses_[port] = addresses; }

 private:
  void answer(const Item& item, AnswerKind kind, std::uint32_t now) noexcept;

  dp_env& env_;
  afxdp::Driver& driver_;
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

}  // namespace twinpath
