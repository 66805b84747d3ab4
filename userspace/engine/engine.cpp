#include "engine/engine.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "engine/egress_queue.hpp"
#include "engine/env.hpp"
// behind the lookups they call
#include "common/decide/decide.h"

namespace twinpath {
namespace {

constexpr std::chrono::milliseconds kIdle{100};    // longest sleep: commands and stop() end it earlier
constexpr std::chrono::milliseconds kWaiting{10};  // with packets held
constexpr std::uint32_t kRetriesPerSecond = 20;    // of held packets, without a neighbours_changed command
constexpr std::uint32_t kDepartingMax = 65536;
constexpr std::uint32_t kHandOverSeconds = 1;  // longer than any transmit ring takes
constexpr std::uint32_t kBurstsPerFlush = 4;
constexpr std::uint32_t kTallyFlushesPerSecond = 50;
constexpr std::uint32_t kFragmentsWaiting = 512;

// Commands behind open_socket are about devices, with it.
bool about_device(EngineCommandKind kind) noexcept { return kind >= EngineCommandKind::open_socket; }

PortAddresses addresses_of(const EngineCommand& command) noexcept {
  PortAddresses addresses;
  if (command.has_v4) addresses.v4 = command.v4;
  if (command.has_v6) addresses.v6 = command.v6;
  return addresses;
}

// What `number` of a command is below.
std::uint32_t limit_of(EngineCommandKind kind) noexcept {
  if (kind == EngineCommandKind::forget_rule) return DP_RULE_IDS_MAX;
  if (kind == EngineCommandKind::set_source) return kErrorSourcesMax;
  return about_device(kind) ? DP_DEVICES_MAX : DP_PORTS_MAX;
}

}  // namespace

Engine::Engine(afxdp::FrameIo& io, dp_env& env, const TickClock& clock, NeighbourRequests& requests,
               const EngineLimits& limits, std::shared_ptr<EngineCounters> counters, afxdp::Sockets* sockets)
    : io_(io),
      env_(env),
      clock_(clock),
      limits_(limits),
      counters_(std::move(counters)),
      sockets_(sockets),
      tally_(env),
      chain_(env, io, requests, *counters_, tally_,
             {.hold_total = std::min(limits.hold_total, io.engine_frames() / 2),
              .hold_per_neighbour = limits.hold_per_neighbour,
              .reassembly = {.waiting_total = std::min(kFragmentsWaiting, io.engine_frames() / 8)}}),
      departing_(kDepartingMax) {
  env_.rule_counts = counters_->rules;
  burst_.reserve(afxdp::kBurstMax);
  again_.reserve(std::max(limits_.hold_total, kFragmentsWaiting));
}

Engine::~Engine() = default;

void Engine::run() noexcept {
  while (!stop_.load(std::memory_order_relaxed)) {
    if (turn()) continue;
    const bool waiting =
        !chain_.hold().queue().empty() || !chain_.reassembly().empty() || !departing_.empty() || !tally_.empty();
    (void)io_.wait(waiting ? kWaiting : kIdle);
  }
  count_losses(clock_.now());
}

void Engine::stop() noexcept {
  stop_.store(true, std::memory_order_relaxed);
  io_.wake();
}

// Changed neighbours concern held packets only: while none is held, the command does not wake the engine.
std::uint64_t Engine::post(EngineCommand command) noexcept {
  while (posted_ - replied_ >= kCommandsMax) (void)next_reply();
  command.sequence = ++posted_;
  (void)commands_.push(command);  // has room, since unanswered commands are bounded
  if (command.kind != EngineCommandKind::neighbours_changed || held() != 0) io_.wake();
  return command.sequence;
}

EngineReply Engine::call(const EngineCommand& command) noexcept {
  const std::uint64_t sequence = post(command);
  for (;;) {
    const EngineReply reply = next_reply();
    if (reply.sequence == sequence) return reply;
  }
}

EngineReply Engine::next_reply() noexcept {
  if (!threaded_) serve_commands();
  for (;;) {
    if (const auto reply = replies_.pop()) {
      replied_ = reply->sequence;
      return *reply;
    }
    replies_.wait();
  }
}

void Engine::serve_commands() noexcept {
  while (const auto command = commands_.pop()) (void)replies_.push(execute(*command));
}

EngineReply Engine::execute(const EngineCommand& command) noexcept {
  EngineReply done{.sequence = command.sequence};
  if (command.number >= limit_of(command.kind))
    done.status = EINVAL;
  else if (about_device(command.kind) && sockets_ == nullptr)
    done.status = ENOTSUP;
  if (done.status != 0) return done;
  const auto port = static_cast<std::uint16_t>(command.number);
  const std::uint16_t device = port;
  switch (command.kind) {
    case EngineCommandKind::quiet_point: break;
    case EngineCommandKind::neighbours_changed: retry_ = true; break;
    case EngineCommandKind::set_addresses: chain_.error_reply().set_addresses(port, addresses_of(command)); break;
    case EngineCommandKind::set_source: chain_.error_reply().set_source(port, addresses_of(command)); break;
    case EngineCommandKind::forget_rule: counters_->rules[command.number] = {}; break;
    case EngineCommandKind::clear_port: clear_port(port); break;
    case EngineCommandKind::forget_port: forget_port(port); break;
    case EngineCommandKind::open_socket: return open_socket(command);
    case EngineCommandKind::close_sockets: sockets_->remove_device(device); break;
    case EngineCommandKind::set_redirects: sockets_->set_redirects(device, command.takes_redirects); break;
  }
  return done;
}

EngineReply Engine::open_socket(const EngineCommand& command) noexcept {
  EngineReply reply{.sequence = command.sequence};
  const auto report = sockets_->add_socket({static_cast<std::uint16_t>(command.number), command.ifindex, command.queue,
                                            command.wish, std::chrono::milliseconds{0}});
  const std::string& text = report ? report->fallback : report.error().text;
  text.copy(reply.text, sizeof(reply.text) - 1);
  if (!report) {
    reply.status = report.error().code != 0 ? report.error().code : EINVAL;
    return reply;
  }
  reply.fd = report->fd;
  reply.mode = report->mode;
  return reply;
}

void Engine::clear_port(std::uint16_t port) noexcept {
  counters_->received[port].clear();
  counters_->transmitted[port].clear();
}

void Engine::forget_port(std::uint16_t port) noexcept {
  chain_.error_reply().set_addresses(port, {});
  chain_.reassembly().forget_port(port);
  const std::uint32_t now = clock_.now();
  release_fragments(now);
  retry_ = true;
  retry_held(now);  // decides held packets again, and drops those of a port that is gone
}

bool Engine::turn() noexcept {
  serve_commands();
  const std::uint32_t now = clock_.now();
  retry_held(now);
  const std::span<afxdp::Frame> frames = io_.receive(afxdp::kBurstMax);
  burst_.resize(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    burst_[i].frame = frames[i];
    burst_[i].reason = DP_NONE;
    burst_[i].fate = Fate::undecided;
    burst_[i].related = false;
    burst_[i].again = false;
  }
  if (!frames.empty()) {
    chain_.run(burst_, now);
    finish_all(burst_, now);
  }
  release_fragments(now);
  held_.store(static_cast<std::uint32_t>(chain_.hold().queue().size() + chain_.reassembly().size()),
              std::memory_order_relaxed);
  // While more packets wait to be received, several bursts are flushed together: the system call that sends costs the
  // same for few packets and for many.
  const bool drained = frames.size() < afxdp::kBurstMax;
  if (drained || ++unsent_bursts_ == kBurstsPerFlush) {
    io_.flush();
    unsent_bursts_ = 0;
  }
  hand_over(now, drained);
  flush_counts(now);
  if (now - last_losses_ >= clock_.per_second()) count_losses(now);
  return !frames.empty();
}

// What the kernel lost on the way from and to the sockets.
void Engine::count_losses(std::uint32_t now) noexcept {
  last_losses_ = now;
  const afxdp::Losses lost = io_.take_losses();
  counters_->reasons[DP_SOCKET_FULL].add_packets(lost.socket_full);
  counters_->reasons[DP_FRAME_TOO_LONG].add_packets(lost.frame_too_long);
  counters_->reasons[DP_EGRESS_REFUSED].add_packets(lost.egress_refused);
}

void Engine::finish_all(std::span<Item> items, std::uint32_t now) noexcept {
  for (Item& item : items) finish(item, now);
}

// Decides every held packet again. Packets whose neighbour is resolved or has failed, and packets that have waited too
// long, leave the queue in the order they came. The others keep their place in the queue, ahead of later packets.
void Engine::retry_held(std::uint32_t now) noexcept {
  HoldStage& hold = chain_.hold();
  if (hold.queue().empty()) return;
  const std::uint32_t rate = clock_.per_second();
  if (!std::exchange(retry_, false) && now - last_retry_ < rate / kRetriesPerSecond + 1) return;
  last_retry_ = now;
  again_.clear();
  const auto hold_ticks = static_cast<std::uint32_t>(std::uint64_t{limits_.hold_timeout_ms} * rate / 1000);
  hold.queue().visit(now, hold_ticks, [&](Waiting& waiting, bool expired) {
    Item& item = waiting.item;
    item.context.now = now;
    item.fate = Fate::undecided;
    item.again = true;
    chain_.decide().run({&item, 1}, now);
    if (item.fate == Fate::undecided && item.reason == DP_STEER_NEIGHBOUR) {
      if (!expired && !hold.newly_failed(waiting)) {
        item.fate = Fate::held;
        hold.request_again(waiting, now);
        return false;
      }
      item.drop(DP_NEIGHBOUR_FAILED);
    }
    again_.push_back(item);
    return true;
  });
  chain_.run_behind(hold, again_, now);
  finish_all(again_, now);
  if (!again_.empty()) io_.flush_paced();
}

// Fragments that came before their first fragment: they leave behind the burst that brought it.
void Engine::release_fragments(std::uint32_t now) noexcept {
  ReassemblyStage& reassembly = chain_.reassembly();
  if (reassembly.empty()) return;
  again_.clear();
  reassembly.release(now, [&](const Item& item) { again_.push_back(item); });
  for (Item& item : again_) item.context.now = now;
  chain_.run_behind(reassembly, again_, now);
  finish_all(again_, now);
}

void Engine::finish(Item& item, std::uint32_t now) noexcept {
  switch (item.fate) {
    case Fate::send: return send(item, now);
    case Fate::fragmented: account(item, now); return io_.release(item.frame.index);
    case Fate::held: return;
    default: return drop(item);
  }
}

void Engine::send(Item& item, std::uint32_t now) noexcept {
  const std::uint16_t device = item.egress_device;
  if (!io_.transmit(item.frame, device, egress_queue(env_, device, item.frame.queue))) {
    item.reason = DP_TX_FULL;
    return drop(item);
  }
  counters_->transmitted[item.egress].add(item.context.packet.frame_bytes);
  account(item, now);
}

// Called when all frames of the packet are in the ring: counts the packet on its flow and notes when the flow may be
// handed over.
void Engine::account(const Item& item, std::uint32_t now) noexcept {
  const dp_context& context = item.context;
  if (item.related) return;
  const __be32 acked = dp_packet_acknowledges(&context.packet) != 0 ? context.packet.tcp_acknowledgement : 0;
  tally_.count(context.packet.family, context.view, context.packet.frame_bytes, now, acked);
  if ((context.view.link & DP_FLOW_HELD) == 0) return;
  const std::uint16_t device = item.egress_device;
  const std::uint16_t queue = egress_queue(env_, device, item.frame.queue);
  (void)departing_.push({io_.sent(device, queue).queued, now, context.view.slot, context.view.control, device, queue,
                         context.packet.family});
}

void Engine::drop(const Item& item) noexcept {
  counters_->reasons[static_cast<std::size_t>(item.reason)].add(item.context.packet.frame_bytes);
  io_.release(item.frame.index);
}

void Engine::flush_counts(std::uint32_t now) noexcept {
  if (tally_.empty() || now - last_flush_ < clock_.per_second() / kTallyFlushesPerSecond + 1) return;
  tally_.flush();
  last_flush_ = now;
}

// `drained`: no frame was left to receive. Otherwise steered packets of these flows may still wait in the RX rings.
void Engine::hand_over(std::uint32_t now, bool drained) noexcept {
  if (departing_.empty()) return;
  const std::uint32_t limit = kHandOverSeconds * clock_.per_second();
  departing_.visit([&](const DepartingFlow& flow) {
    const bool overdue = now - flow.since > limit;
    if (!overdue && !(drained && io_.sent(flow.device, flow.queue).completed >= flow.until)) return false;
    const HoldQueue& held = chain_.hold().queue();
    if (!held.empty() && held.waits_for_flow(flow.family, flow.slot))
      return true;  // the held packet hands the flow over when it is sent
    dp_flow_change_flags(&env_, flow.family, flow.slot, flow.control, 0, DP_FLOW_HELD);
    return true;
  });
}

}  // namespace twinpath
