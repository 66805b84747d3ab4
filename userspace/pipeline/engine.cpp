#include "pipeline/engine.hpp"

#include <algorithm>

#include "pipeline/env.hpp"
// behind the lookups they call
#include "common/datapath/decide.h"

namespace twinpath {
namespace {

constexpr std::chrono::milliseconds kIdle{100};     // longest sleep: posted work and stop() wake it earlier
constexpr std::chrono::milliseconds kWaiting{10};   // with packets held
constexpr std::uint32_t kRetriesPerSecond = 20;     // of held packets, when nobody says that neighbours changed
constexpr std::size_t kDepartingMax = 65536;

}  // namespace

Engine::Engine(afxdp::Driver& driver, dp_env& env, const TickClock& clock, NeighbourRequests& requests,
               const EngineLimits& limits)
    : driver_(driver),
      env_(env),
      clock_(clock),
      limits_(limits),
      counters_(std::make_unique<EngineCounters>()),
      pen_(std::min(limits.hold_total, driver.engine_frames() / 2), limits.hold_per_neighbour),
      read_(env, *counters_),
      judge_(env, *counters_),
      hold_(env, pen_, requests, *counters_),
      answer_(env, driver, *counters_),
      rewrite_(env),
      stages_{&read_, &judge_, &hold_, &answer_, &rewrite_} {
  burst_.reserve(afxdp::kBurstMax);
  again_.reserve(limits_.hold_total);
  departing_.reserve(kDepartingMax);
}

Engine::~Engine() = default;

void Engine::run() noexcept {
  while (!stop_.load(std::memory_order_relaxed)) {
    run_posted();
    if (turn()) continue;
    driver_.flush();
    let_go();
    (void)driver_.wait(pen_.empty() && departing_.empty() ? kIdle : kWaiting);
  }
}

void Engine::stop() noexcept {
  stop_.store(true, std::memory_order_relaxed);
  driver_.wake();
}

void Engine::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
    has_posted_.store(true, std::memory_order_release);
  }
  driver_.wake();
}

void Engine::neighbours_changed() noexcept {
  retry_.store(true, std::memory_order_release);
  if (held() != 0) driver_.wake();
}

void Engine::set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept {
  if (port < DP_PORTS_MAX) answer_.set_addresses(port, addresses);
}

void Engine::run_posted() noexcept {
  if (!has_posted_.load(std::memory_order_acquire)) return;
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (const auto& step : work) step();
}

bool Engine::turn() noexcept {
  const std::uint32_t now = clock_.now();
  retry_held(now);
  const std::span<afxdp::Frame> frames = driver_.receive();
  if (frames.empty()) return false;
  burst_.resize(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    burst_[i].frame = frames[i];
    burst_[i].reason = DP_NONE;
    burst_[i].fate = Fate::undecided;
  }
  pass_stages(burst_, now);
  driver_.flush();
  let_go();
  return true;
}

void Engine::pass_stages(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Stage* stage : stages_) stage->run(burst, now);
  for (Item& item : burst) settle(item, now);
  held_.store(static_cast<std::uint32_t>(pen_.size()), std::memory_order_relaxed);
}

// Takes out of the pen what can go or has waited too long, then lets it pass the stages once more: a packet that still
// cannot go returns to the pen, behind none of its own flow.
void Engine::retry_held(std::uint32_t now) noexcept {
  if (pen_.empty()) return;
  const std::uint32_t rate = clock_.per_second();
  if (!retry_.exchange(false, std::memory_order_acquire) && now - last_retry_ < rate / kRetriesPerSecond + 1) return;
  last_retry_ = now;
  again_.clear();
  const std::uint32_t patience = limits_.patience_ms * rate / 1000;
  pen_.visit(now, patience, [&](Item& item, bool expired) {
    item.context.now = now;
    const int reason = dp_decide(&env_, &item.context);
    if (reason == DP_STEER_NEIGHBOUR && !expired) return false;
    item.reason = reason;
    item.fate = Fate::undecided;
    if (reason == DP_STEER_NEIGHBOUR) item.drop(DP_NEIGHBOUR_FAILED);
    if (dp_reason_verdict(static_cast<dp_reason>(reason)) == DP_DROP) item.fate = Fate::drop;
    again_.push_back(item);
    return true;
  });
  for (Item& item : again_) {
    const std::span<Item> one{&item, 1};
    answer_.run(one, now);
    rewrite_.run(one, now);
    settle(item, now);
  }
  held_.store(static_cast<std::uint32_t>(pen_.size()), std::memory_order_relaxed);
}

void Engine::settle(Item& item, std::uint32_t now) noexcept {
  switch (item.fate) {
    case Fate::send:
      return send(item, now);
    case Fate::held:
      return;
    default:
      return drop(item);
  }
}

void Engine::send(Item& item, std::uint32_t now) noexcept {
  const dp_context& context = item.context;
  const dp_port* egress = dp_env_port(&env_, item.egress);
  const std::uint16_t queues = egress != nullptr ? egress->queue_count : 0;
  const auto queue = static_cast<std::uint16_t>(queues > 1 ? item.frame.queue % queues : 0);
  if (!driver_.transmit(item.frame, item.egress, queue)) {
    item.reason = DP_TX_FULL;
    return drop(item);
  }
  const std::uint32_t bytes = context.packet.frame_bytes;
  dp_flow_count(&env_, context.packet.family, context.view.slot, bytes, now);
  counters_->transmitted[item.egress].add(bytes);
  if ((context.view.link & DP_FLOW_HELD) == 0 || departing_.size() >= kDepartingMax) return;
  departing_.push_back({driver_.statistics(item.egress, queue).tx.value(), context.view.slot, context.view.control,
                        item.egress, queue, context.packet.family});
}

void Engine::drop(const Item& item) noexcept {
  counters_->reasons[static_cast<std::size_t>(item.reason)].add(item.context.packet.frame_bytes);
  driver_.release(item.frame.index);
}

void Engine::let_go() noexcept {
  if (departing_.empty()) return;
  std::erase_if(departing_, [&](const Departing& flow) {
    if (driver_.statistics(flow.port, flow.queue).completions.value() < flow.until) return false;
    if (!pen_.empty() && pen_.waits_for_flow(flow.family, flow.slot)) return true;  // a later packet will let it go
    dp_flow_change_flags(&env_, flow.family, flow.slot, flow.control, 0, DP_FLOW_HELD);
    return true;
  });
}

}  // namespace twinpath
