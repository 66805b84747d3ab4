#include "afxdp/device_queue.hpp"

#include <algorithm>
#include <utility>

namespace twinpath::afxdp {
namespace {

// Without XDP_MAX_TX_SKB_BUDGET the kernel sends 32 packets per kick: 32 kicks empty half a TX ring of 2048, sixteen
// times what one burst can add, and bound the time a single flush can take.
constexpr std::uint32_t kKicksPerFlush = 32;

}  // namespace

Result<std::unique_ptr<DeviceQueue>> DeviceQueue::open(const QueueAddress& address, Umem& umem, FramePool& pool,
                                                       QueueStatistics& statistics, Quota quota,
                                                       const SocketOptions& options) {
  auto socket = Socket::create(umem, options);
  if (!socket) return pass_on(std::move(socket.error()));
  std::unique_ptr<DeviceQueue> queue{new DeviceQueue{address, pool, statistics, quota, std::move(*socket)}};
  queue->collected_.reserve(options.rings.tx);
  queue->refill();
  auto bound = queue->socket_->bind(address.ifindex, address.queue);
  auto mode = queue->socket_->mode();
  if (bound && mode) {
    queue->mode_ = *mode;
    return queue;
  }
  const Owner owner = queue->owner();
  queue.reset();
  pool.move_all(owner, kFree);
  return pass_on(std::move(bound ? mode.error() : bound.error()));
}

DeviceQueue::DeviceQueue(const QueueAddress& address, FramePool& pool, QueueStatistics& statistics, Quota quota,
                         std::unique_ptr<Socket> socket)
    : address_(address), pool_(pool), statistics_(statistics), quota_(quota), socket_(std::move(socket)) {}

std::uint32_t DeviceQueue::receive(std::span<Frame> out, Owner engine) noexcept {
  const std::uint32_t waiting = socket_->rx().waiting(static_cast<std::uint32_t>(out.size()));
  if (waiting == 0) return 0;
  std::uint32_t taken = 0;
  for (std::uint32_t i = 0; i < waiting; ++i)
    if (accept(socket_->rx().peek(i), engine, out[taken])) ++taken;
  socket_->rx().release(waiting);
  statistics_.rx.add(taken);
  return taken;
}

bool DeviceQueue::accept(const xdp_desc& descriptor, Owner engine, Frame& out) noexcept {
  const FrameMemory& memory = pool_.memory();
  const std::uint32_t index = memory.frame_at(descriptor.addr);
  if (!memory.fits(descriptor.addr, descriptor.len) ||
      !pool_.move(index, {owner(), Place::fill}, {engine, Place::engine})) {
    statistics_.bogus_receives.add();
    return false;
  }
  --in_fill_;
  out = Frame{.data = memory.base() + descriptor.addr,
              .length = descriptor.len,
              .index = index,
              .device = address_.device,
              .queue = address_.queue};
  return true;
}

void DeviceQueue::refill() noexcept {
  if (in_fill_ >= quota_.fill) return;
  auto& fill = socket_->fill();
  const std::uint32_t wanted = quota_.fill - in_fill_;
  const std::uint32_t count = std::min(wanted, fill.room(wanted));
  std::uint32_t pushed = 0;
  for (; pushed < count; ++pushed) {
    const std::uint32_t frame = pool_.take({owner(), Place::fill});
    if (frame == kNoFrame) break;
    fill.push(pool_.memory().address(frame));
  }
  if (pushed < count) statistics_.fill_empty.add();
  if (pushed == 0) return;
  in_fill_ += pushed;
  fill.publish();
  if (fill.needs_wakeup()) socket_->kick_rx();
}

bool DeviceQueue::transmit(const Frame& frame, Owner engine) noexcept {
  if (in_flight_ >= quota_.tx || socket_->tx().room(collected() + 1) <= collected()) {
    statistics_.tx_full.add();
    return false;
  }
  const FrameMemory& memory = pool_.memory();
  const auto address = static_cast<std::uint64_t>(frame.data - memory.base());
  // The kernel skips a bad descriptor without completing it: its frame would be lost.
  if (!memory.fits(address, frame.length) || memory.frame_at(address) != frame.index ||
      !pool_.move(frame.index, {engine, Place::engine}, {owner(), Place::tx})) {
    statistics_.tx_invalid.add();
    return false;
  }
  collected_.push_back(xdp_desc{.addr = address, .len = frame.length, .options = 0});
  longest_ = std::max(longest_, frame.length);
  ++in_flight_;
  statistics_.tx.add();
  return true;
}

bool DeviceQueue::offer(BurstSender& burst) noexcept {
  for (; offered_ < collected(); ++offered_) {
    const xdp_desc& frame = collected_[offered_];
    if (!burst.put({pool_.memory().base() + frame.addr, frame.len}, address_.device)) return false;
  }
  return true;
}

void DeviceQueue::end_burst(bool sent) noexcept {
  const std::uint32_t count = std::exchange(offered_, 0);
  if (!sent || count == 0) return;
  for (std::uint32_t i = 0; i < count; ++i)
    static_cast<void>(pool_.give_back(pool_.memory().frame_at(collected_[i].addr), {owner(), Place::tx}));
  collected_.erase(collected_.begin(), collected_.begin() + count);
  if (collected_.empty()) longest_ = 0;
  in_flight_ -= count;
  statistics_.completions.add(count);
  statistics_.tx_bursts.add(count);
}

void DeviceQueue::push_collected() noexcept {
  if (collected_.empty()) return;
  for (const xdp_desc& frame : collected_) socket_->tx().push(frame);
  socket_->tx().publish();
  collected_.clear();
  longest_ = 0;
}

void DeviceQueue::flush() noexcept {
  if (in_flight_ == 0) return;
  push_collected();
  for (std::uint32_t kicks = 0; kicks < kKicksPerFlush && needs_kick() && kick(); ++kicks) reclaim();
  reclaim();
}

// In copy mode a packet that the kernel has taken completes by itself. A zero-copy driver may sleep with packets in
// flight.
bool DeviceQueue::needs_kick() const noexcept {
  const auto& tx = socket_->tx();
  return mode_ == SocketMode::copy ? tx.undone() != 0 : in_flight_ != 0 && tx.needs_wakeup();
}

// False when another kick would change nothing now. The next flush kicks for descriptors that are still undone.
bool DeviceQueue::kick() noexcept {
  const std::uint32_t before = undone();
  statistics_.kicks.add();
  switch (socket_->kick_tx()) {
    case Kick::done:
    case Kick::again: return undone() != before;
    case Kick::dropped:
      statistics_.tx_device_drops.add();
      ++refused_;
      return true;
    case Kick::down: break;
  }
  statistics_.kicks_link_down.add();
  return false;
}

// In copy mode the kernel counts a packet that finds no free frame twice: as dropped, and as "fill ring empty". In
// zero-copy mode the latter are tries of the driver, and no packet was there yet.
Losses DeviceQueue::take_losses() noexcept {
  const xdp_statistics counted = socket_->statistics();
  const std::uint64_t without_frame =
      mode_ == SocketMode::copy ? std::min(counted.rx_fill_ring_empty_descs, counted.rx_dropped) : 0;
  const Losses all{.socket_full = counted.rx_ring_full + without_frame,
                   .frame_too_long = counted.rx_dropped - without_frame,
                   .egress_refused = refused_};
  const Losses before = std::exchange(taken_, all);
  return {all.socket_full - before.socket_full, all.frame_too_long - before.frame_too_long,
          all.egress_refused - before.egress_refused};
}

void DeviceQueue::reclaim() noexcept {
  auto& ring = socket_->completion();
  const std::uint32_t waiting = ring.waiting(UINT32_MAX);
  if (waiting == 0) return;
  std::uint32_t returned = 0;
  for (std::uint32_t i = 0; i < waiting; ++i) {
    const std::uint32_t index = pool_.memory().frame_at(ring.peek(i));
    if (pool_.give_back(index, {owner(), Place::tx}))
      ++returned;
    else
      statistics_.bogus_completions.add();
  }
  ring.release(waiting);
  in_flight_ -= returned;
  statistics_.completions.add(returned);
}

}  // namespace twinpath::afxdp
