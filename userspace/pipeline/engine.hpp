// engine.hpp - the user datapath's worker: bursts of frames through the stages, in one thread.
//
// Handing over  A pair the engine installs is HELD: the kernel steers its packets here until the engine's own packet of
//               that flow has left the socket. Only then is the flow let go to the kernel, so later packets do not
//               overtake the first.
// Quiet point   post() runs a function on the engine's thread between two bursts; a caller that waits for it knows that
//               no burst works on tables it read before.
// Owner         the daemon. Thread: run() is the engine's, post() and stop() any.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "afxdp/driver.hpp"
#include "base/tick_clock.hpp"
#include "pipeline/counters.hpp"
#include "pipeline/holding_pen.hpp"
#include "pipeline/neighbour_requests.hpp"
#include "pipeline/stage.hpp"
#include "pipeline/stages.hpp"

struct dp_env;

namespace twinpath {

struct EngineLimits {
  std::uint32_t hold_total = 4096;
  std::uint32_t hold_per_neighbour = 64;
  std::uint32_t patience_ms = 3500;  // Linux gives a neighbour up after three probes, a second apart
};

class Engine {
 public:
  Engine(afxdp::Driver& driver, dp_env& env, const TickClock& clock, NeighbourRequests& requests,
         const EngineLimits& limits);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void run() noexcept;  // until stop()
  void stop() noexcept;
  void post(std::function<void()> work);
  // Tells the engine that neighbours have changed: held packets are tried again.
  void neighbours_changed() noexcept;
  // On the engine's thread only (through post()).
  void set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept;

  [[nodiscard]] const EngineCounters& counters() const noexcept { return *counters_; }
  [[nodiscard]] std::uint32_t held() const noexcept { return held_.load(std::memory_order_relaxed); }

 private:
  // A flow whose packet waits in a TX ring: let go when that socket has completed `until` frames.
  struct Departing {
    std::uint64_t until;
    std::uint32_t slot;
    std::uint32_t control;
    std::uint16_t port;
    std::uint16_t queue;
    std::uint8_t family;
  };

  [[nodiscard]] bool turn() noexcept;  // one burst; false when there was nothing to do
  void run_posted() noexcept;
  void retry_held(std::uint32_t now) noexcept;
  void pass_stages(std::span<Item> burst, std::uint32_t now) noexcept;
  void settle(Item& item, std::uint32_t now) noexcept;
  void send(Item& item, std::uint32_t now) noexcept;
  void drop(const Item& item) noexcept;
  void let_go() noexcept;

  afxdp::Driver& driver_;
  dp_env& env_;
  const TickClock& clock_;
  EngineLimits limits_;
  std::unique_ptr<EngineCounters> counters_;
  HoldingPen pen_;
  ReadStage read_;
  JudgeStage judge_;
  HoldStage hold_;
  AnswerStage answer_;
  RewriteStage rewrite_;
  std::array<Stage*, 5> stages_;
  std::vector<Item> burst_;
  std::vector<Item> again_;
  std::vector<Departing> departing_;
  std::uint32_t last_retry_ = 0;

  std::atomic<bool> stop_{false};
  std::atomic<bool> retry_{false};
  std::atomic<bool> has_posted_{false};
  std::atomic<std::uint32_t> held_{0};
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace twinpath
