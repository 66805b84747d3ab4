// engine.hpp - the user datapath's worker: bursts of frames through the stages, in one thread.
//
// Handing over  A pair the engine installs is HELD: the kernel steers its packets here until the engine's own packet of
//               that flow has left the socket and nothing else waits to be received. Only then is the flow let go to the
//               kernel, so later packets do not overtake the first. Bounded: a flow is let go kHandOverSeconds after its
//               packet was queued, whatever became of it (the port gone, the link down). A HELD flow whose packet was
//               dropped is let go by the next one that is sent; until then nobody has anything to overtake, and once
//               the daemon is dead the kernel takes no notice of the flag.
// Frames        Each one received is, at every moment, in a burst, held by the hold or the reassembly stage, or finished: sent,
//               or released under a reason.
// Quiet point   post() runs a function on the engine's thread between two bursts; a caller that waits for it knows that
//               no burst works on tables it read before.
// Counters      of flows are in the table within a fiftieth of a second (flow_tally.hpp).
// Owner         the daemon. Thread: run() is the engine's, post() and stop() any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "afxdp/frame_io.hpp"
#include "base/tick_clock.hpp"
#include "engine/counters.hpp"
#include "engine/flow_tally.hpp"
#include "engine/stage_chain.hpp"

struct dp_env;

namespace twinpath {

struct EngineLimits {
  std::uint32_t hold_total = 4096;
  std::uint32_t hold_per_neighbour = 64;
  std::uint32_t hold_timeout_ms = 3500;  // Linux gives a neighbour up after three probes, a second apart
};

class Engine {
 public:
  Engine(afxdp::FrameIo& io, dp_env& env, const TickClock& clock, NeighbourRequests& requests,
         const EngineLimits& limits, std::shared_ptr<EngineCounters> counters = std::make_shared<EngineCounters>());
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void run() noexcept;  // until stop()
  // One burst, and what has waited long enough. False when there was nothing to do. run() is this in a loop, with sleep.
  bool turn() noexcept;
  void stop() noexcept;
  void post(std::function<void()> work);
  // Tells the engine that neighbours have changed: held packets are tried again.
  void neighbours_changed() noexcept;
  // On the engine's thread only (through post()).
  void set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept;
  // The same: the rule's counters start at zero, for another rule has its id now.
  void forget_rule(std::uint16_t rule) noexcept;
  // The same: the port has left the tables, and its number may mean another one soon. What came in by it and waits here
  // is dropped.
  void forget_port(std::uint16_t port) noexcept;
  // The same: a port begins to count under this number.
  void clear_port(std::uint16_t port) noexcept;

  [[nodiscard]] const EngineCounters& counters() const noexcept { return *counters_; }
  // Frames that wait: for a neighbour, or for their first fragment.
  [[nodiscard]] std::uint32_t held() const noexcept { return held_.load(std::memory_order_relaxed); }

 private:
  // A flow whose packet waits in a TX ring: let go when that socket has completed `until` frames.
  struct Departing {
    std::uint64_t until;
    std::uint32_t since;
    std::uint32_t slot;
    std::uint32_t control;
    std::uint16_t port;
    std::uint16_t queue;
    std::uint8_t family;
  };

  void run_posted() noexcept;
  void retry_held(std::uint32_t now) noexcept;
  void release_fragments(std::uint32_t now) noexcept;
  void finish_all(std::span<Item> items, std::uint32_t now) noexcept;
  void finish(Item& item, std::uint32_t now) noexcept;
  void send(Item& item, std::uint32_t now) noexcept;
  void account(const Item& item, std::uint32_t now) noexcept;
  void drop(const Item& item) noexcept;
  void hand_over(std::uint32_t now, bool drained) noexcept;
  void flush_counts(std::uint32_t now) noexcept;

  afxdp::FrameIo& io_;
  dp_env& env_;
  const TickClock& clock_;
  EngineLimits limits_;
  std::shared_ptr<EngineCounters> counters_;  // may lie in memory that outlives the process
  StageChain chain_;
  std::vector<Item> burst_;
  std::vector<Item> again_;
  std::vector<Departing> departing_;
  FlowTally tally_;
  std::uint32_t last_retry_ = 0;
  std::uint32_t last_flush_ = 0;
  std::uint32_t unsent_bursts_ = 0;

  std::atomic<bool> stop_{false};
  std::atomic<bool> retry_{false};
  std::atomic<bool> has_posted_{false};
  std::atomic<std::uint32_t> held_{0};
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace twinpath
