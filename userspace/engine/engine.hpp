// engine.hpp - the user datapath's worker: bursts of frames through the stages, in one thread.
//
// Handing over  A pair the engine installs is HELD: the kernel steers its packets here until the engine's own packet of
//               that flow has left the socket and no other frame waits to be received. Only then is the flow handed
//               over to the kernel, so later packets do not overtake the first. Bounded: a flow is handed over
//               kHandOverSeconds after its packet was queued, whatever became of the packet (port gone, link down). A
//               HELD flow whose packet was dropped is handed over by the next packet of it that is sent; until then
//               there is no packet that could be overtaken. The kernel ignores the flag once the daemon is dead.
// Frames        Each one received is, at every moment, in a burst, held by the hold or the reassembly stage, or
//               finished: sent, or released under a reason.
// Commands      (engine_command.hpp) are executed between two bursts: on the engine's thread while there is one, else
//               by the caller of call().
// Counters      of flows reach the flow table within a fiftieth of a second (flow_tally.hpp).
// Owner         the daemon. Thread: run() is the engine's; post(), call() and set_threaded() the control thread's;
//               stop() any.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "afxdp/frame_io.hpp"
#include "base/tick_clock.hpp"
#include "engine/counters.hpp"
#include "engine/departing_flows.hpp"
#include "engine/engine_command.hpp"
#include "engine/flow_tally.hpp"
#include "engine/stage_chain.hpp"
#include "engine/value_ring.hpp"

struct dp_env;

namespace twinpath {

struct EngineLimits {
  std::uint32_t hold_total = 8192;
  std::uint32_t hold_per_neighbour = 64;
  std::uint32_t hold_timeout_ms = 3500;  // Linux fails a neighbour after three probes, a second apart
};

class Engine {
 public:
  Engine(afxdp::FrameIo& io, dp_env& env, const TickClock& clock, NeighbourRequests& requests,
         const EngineLimits& limits, std::shared_ptr<EngineCounters> counters = std::make_shared<EngineCounters>(),
         afxdp::Sockets* sockets = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void run() noexcept;  // until stop()
  // Processes one burst, retries held packets and releases fragments. False: no frame was received. run() calls it in a
  // loop and sleeps in between.
  bool turn() noexcept;
  void stop() noexcept;

  // Queues a command for the engine; returns its sequence number. Waits while kCommandsMax commands have no reply.
  std::uint64_t post(EngineCommand command) noexcept;
  // Queues a command and waits for its reply.
  EngineReply call(const EngineCommand& command) noexcept;
  // Whether a thread is in run(), or about to be: that thread then executes the commands. False at first.
  void set_threaded(bool threaded) noexcept { threaded_ = threaded; }

  [[nodiscard]] const EngineCounters& counters() const noexcept { return *counters_; }
  // Frames that wait: for a neighbour, or for their first fragment.
  [[nodiscard]] std::uint32_t held() const noexcept { return held_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kCommandsMax = 256;

  void serve_commands() noexcept;
  [[nodiscard]] EngineReply execute(const EngineCommand& command) noexcept;
  [[nodiscard]] EngineReply open_socket(const EngineCommand& command) noexcept;
  void clear_port(std::uint16_t port) noexcept;
  void forget_port(std::uint16_t port) noexcept;
  [[nodiscard]] EngineReply next_reply() noexcept;
  void retry_held(std::uint32_t now) noexcept;
  void release_fragments(std::uint32_t now) noexcept;
  void finish_all(std::span<Item> items, std::uint32_t now) noexcept;
  void finish(Item& item, std::uint32_t now) noexcept;
  void send(Item& item, std::uint32_t now) noexcept;
  void account(const Item& item, std::uint32_t now) noexcept;
  void drop(const Item& item) noexcept;
  void hand_over(std::uint32_t now, bool drained) noexcept;
  void flush_counts(std::uint32_t now) noexcept;
  void count_losses(std::uint32_t now) noexcept;

  afxdp::FrameIo& io_;
  dp_env& env_;
  const TickClock& clock_;
  EngineLimits limits_;
  std::shared_ptr<EngineCounters> counters_;  // may lie in memory that outlives the process
  afxdp::Sockets* sockets_;                   // the driver's; NULL: commands about sockets are refused
  FlowTally tally_;
  StageChain chain_;
  std::vector<Item> burst_;
  std::vector<Item> again_;
  DepartingFlows departing_;
  std::uint32_t last_retry_ = 0;
  std::uint32_t last_flush_ = 0;
  std::uint32_t last_losses_ = 0;
  std::uint32_t unsent_bursts_ = 0;

  bool retry_ = false;  // retry held packets in the next turn

  // The control thread's: sequence numbers of the last command posted and of the last one replied to.
  std::uint64_t posted_ = 0;
  std::uint64_t replied_ = 0;
  bool threaded_ = false;

  ValueRing<EngineCommand, kCommandsMax> commands_;
  ValueRing<EngineReply, kCommandsMax> replies_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint32_t> held_{0};
};

}  // namespace twinpath
