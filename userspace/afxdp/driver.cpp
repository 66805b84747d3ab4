#include "afxdp/driver.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace twinpath::afxdp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Long enough for a NIC to stop using a ring that was taken from it; the kernel does not report when it has.
constexpr std::chrono::seconds kRetirement{1};
// poll() does not report a link that comes up or a completed frame: wait() sleeps no longer than this while frames are
// undone, or in flight.
constexpr milliseconds kUndonePause{1};
constexpr milliseconds kInFlightPause{10};
// A burst costs as much as this many packets through a TX ring (bench/README.md).
constexpr std::uint32_t kBurstWorthwhile = 16;
// How many calls of flush() in a row a burst waits for the ring to become idle. The kernel completes a packet when its
// receiver has taken it, most often before the next call.
constexpr std::uint32_t kRingWaitFlushes = 64;
// A socket needs at least the frames of one burst in each direction.
constexpr std::uint32_t kQuotaMin = kBurstMax;

const QueueStatistics kNone;

std::uint32_t part_of(std::uint32_t frames, double share) {
  return static_cast<std::uint32_t>(static_cast<double>(frames) * share);
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::create(const DriverConfig& config) {
  if (config.receive_share <= 0 || config.transmit_share <= 0 || config.receive_share + config.transmit_share >= 1)
    return refuse("shares of frame memory: receive {} and transmit {} must leave a rest", config.receive_share,
                  config.transmit_share);
  auto pool = FramePool::create(config.frames, config.frame_bytes);
  if (!pool) return pass_on(std::move(pool.error()));
  UniqueFd wake_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake_fd) return fail(errno, "create the driver's eventfd");
  return std::unique_ptr<Driver>{new Driver{config, std::move(*pool), std::move(wake_fd)}};
}

Driver::Driver(const DriverConfig& config, FramePool pool, UniqueFd wake_fd)
    : config_(config),
      pool_(std::move(pool)),
      wake_fd_(std::move(wake_fd)),
      shares_{part_of(config.frames, config.receive_share), part_of(config.frames, config.transmit_share)},
      engine_frames_(config.frames - shares_.receive - shares_.transmit),
      copy_umem_(pool_.memory(), SocketMode::copy),
      zerocopy_umem_(pool_.memory(), SocketMode::zerocopy) {
  rebuild();
}

Driver::~Driver() = default;

Driver::DeviceSlot& Driver::make_slot(std::uint16_t device) {
  if (DeviceSlot* known = slot(device); known != nullptr) return *known;
  known_devices_.push_back(std::make_unique<DeviceSlot>());
  slots_[device].store(known_devices_.back().get(), std::memory_order_release);
  return *known_devices_.back();
}

// A socket's frames are nobody's, or retired, when it is closed: its number is free at once.
Owner Driver::free_owner() const {
  std::vector<bool> taken(queues_.size() + 2);
  for (const auto& queue : queues_)
    if (queue->owner() < taken.size()) taken[queue->owner()] = true;
  Owner owner = 1;
  while (taken[owner]) ++owner;
  return owner;
}

void Driver::set_redirects(std::uint16_t device, bool takes) noexcept {
  if (DeviceSlot* known = slot(device); known != nullptr) known->redirects = takes;
}

const QueueStatistics& Driver::statistics(std::uint16_t device, std::uint16_t queue) const noexcept {
  const DeviceSlot* known = slot(device);
  return known != nullptr && queue < DP_QUEUES_MAX ? known->statistics[queue] : kNone;
}

Status Driver::check_request(const SocketRequest& request) const {
  if (request.device == 0 || request.device >= DP_DEVICES_MAX || request.queue >= DP_QUEUES_MAX)
    return refuse("no device {} queue {}: devices are 1 to {}, queues 0 to {}", request.device, request.queue,
                  DP_DEVICES_MAX - 1, DP_QUEUES_MAX - 1);
  const DeviceSlot* known = slot(request.device);
  if (known != nullptr && known->queues[request.queue] != nullptr)
    return refuse("device {} queue {} is open", request.device, request.queue);
  if (queues_.size() >= DP_SOCKETS_MAX) return refuse("all {} sockets are open", int{DP_SOCKETS_MAX});
  const Quota quota = quota_for(queues_.size() + 1);
  if (quota.fill < kQuotaMin || quota.tx < kQuotaMin)
    return refuse("{} frames are too few for {} sockets: raise engine.frames", config_.frames,
                  std::max<std::size_t>(queues_.size() + 1, config_.sockets_planned));
  return {};
}

Result<SocketReport> Driver::add_socket(const SocketRequest& request) {
  if (auto good = check_request(request); !good) return pass_on(std::move(good.error()));
  SocketReport report;
  Result<std::unique_ptr<DeviceQueue>> opened;
  if (request.wish == SocketWish::zerocopy) {
    opened = open_queue(request, zerocopy_umem_);
    if (!opened) report.fallback = opened.error().text;
  }
  if (request.wish != SocketWish::zerocopy || !opened) opened = open_queue(request, copy_umem_);
  if (!opened) return pass_on(std::move(opened.error()));
  report.fd = (*opened)->fd();
  report.mode = (*opened)->mode();
  queues_.push_back(std::move(*opened));
  rebuild();
  return report;
}

// The kernel has unbound an anchor whose device is gone: EBADF. Tries the next anchor, then a new registration.
Result<std::unique_ptr<DeviceQueue>> Driver::open_queue(const SocketRequest& request, Umem& umem) {
  const QueueAddress address{
      .device = request.device, .queue = request.queue, .ifindex = request.ifindex, .owner = free_owner()};
  QueueStatistics& statistics = make_slot(request.device).statistics[request.queue];
  SocketOptions options = config_.sockets;
  options.bind_timeout = request.bind_timeout.value_or(options.bind_timeout);
  for (;;) {
    auto queue = DeviceQueue::open(address, umem, pool_, statistics, quota_for(queues_.size() + 1), options);
    if (queue || queue.error().code != EBADF || umem.anchor() < 0) return queue;
    umem.left(umem.anchor());
  }
}

void Driver::remove_device(std::uint16_t device) {
  const auto leaving = std::partition(queues_.begin(), queues_.end(),
                                      [device](const auto& queue) { return queue->address().device != device; });
  for (auto queue = leaving; queue != queues_.end(); ++queue) {
    const Owner owner = (*queue)->owner();
    const bool at_once = (*queue)->mode() == SocketMode::copy;
    // Frames in flight count as completed, because they are taken from the socket: the engine waits for
    // sent().completed, which a later socket of this device and queue continues.
    slot(device)->statistics[(*queue)->address().queue].completions.add((*queue)->in_flight());
    add_losses(**queue);
    lost_.egress_refused += (*queue)->undone() + (*queue)->collected();  // they go with the socket
    lost_.socket_full += (*queue)->unreceived();
    queue->reset();  // closed: in copy mode the kernel no longer uses the frames
    pool_.move_all(owner, at_once ? kFree : Where{kRetired, Place::completion});
    if (!at_once) retired_until_ = steady_clock::now() + kRetirement;
  }
  queues_.erase(leaving, queues_.end());
  rebuild();
}

void Driver::add_losses(DeviceQueue& queue) noexcept {
  const Losses lost = queue.take_losses();
  lost_.socket_full += lost.socket_full;
  lost_.frame_too_long += lost.frame_too_long;
  lost_.egress_refused += lost.egress_refused;
}

Losses Driver::take_losses() noexcept {
  for (const auto& queue : queues_) add_losses(*queue);
  return std::exchange(lost_, {});
}

Quota Driver::quota_for(std::size_t queues) const noexcept {
  const std::uint32_t count = std::max({static_cast<std::uint32_t>(queues), config_.sockets_planned, 1U});
  const RingSizes& rings = config_.sockets.rings;
  return Quota{.fill = std::min(rings.fill, shares_.receive / count),
               .tx = std::min({rings.tx, rings.completion, shares_.transmit / count})};
}

// Derives everything that depends on the list of queues, after it has changed.
void Driver::rebuild() noexcept {
  for (const auto& device : known_devices_) device->queues.fill(nullptr);
  polled_.assign(1, pollfd{.fd = wake_fd_.get(), .events = POLLIN, .revents = 0});
  const Quota quota = quota_for(queues_.size());
  for (const auto& queue : queues_) {
    queue->set_quota(quota);
    slot(queue->address().device)->queues[queue->address().queue] = queue.get();
    polled_.push_back(pollfd{.fd = queue->fd(), .events = POLLIN, .revents = 0});
  }
  next_queue_ = 0;
}

std::span<Frame> Driver::receive(std::uint32_t burst) noexcept {
  if (retired_until_) free_retired();
  const std::size_t count = queues_.size();
  if (count == 0) return {};
  const std::span<Frame> out = std::span{burst_}.first(std::min(burst, kBurstMax));
  const std::size_t fair = std::max<std::size_t>(out.size() / count, 1);
  std::size_t taken = 0;
  // First round: each queue gets its fair part. Second round: queues with more packets fill the rest.
  for (std::size_t step = 0; step < 2 * count && taken < out.size(); ++step) {
    DeviceQueue& queue = *queues_[(next_queue_ + step) % count];
    const std::size_t most = std::min(step < count ? fair : out.size(), out.size() - taken);
    taken += queue.receive(out.subspan(taken, most), self());
  }
  next_queue_ = (next_queue_ + 1) % count;
  for (const auto& queue : queues_) queue->refill();
  return out.first(taken);
}

bool Driver::transmit(const Frame& frame, std::uint16_t device, std::uint16_t queue) noexcept {
  DeviceSlot* known = slot(device);
  if (known == nullptr || queue >= DP_QUEUES_MAX) return false;
  DeviceQueue* egress = known->queues[queue];
  if (egress != nullptr) return egress->transmit(frame, self());
  known->statistics[queue].tx_full.add();
  return false;
}

void Driver::release(std::uint32_t index) noexcept { pool_.give_back(index, {self(), Place::engine}); }

Frame Driver::allocate() noexcept {
  if (pool_.ledger().count(Place::engine) >= engine_frames_) return {};
  const std::uint32_t index = pool_.take({self(), Place::engine});
  if (index == kNoFrame) return {};
  return Frame{.data = pool_.memory().base() + pool_.memory().address(index) + kFrameHeadroom,
               .length = 0,
               .index = index,
               .device = 0,
               .queue = 0};
}

void Driver::flush() noexcept {
  if (sender_ != nullptr) send_bursts();
  for (const auto& queue : queues_) {
    if (!waits_for_ring(*queue)) queue->flush();
  }
}

void Driver::flush_paced() noexcept {
  for (const auto& queue : queues_) queue->flush();
}

bool Driver::suits_bursts(const DeviceQueue& queue) const noexcept {
  return sender_ != nullptr && queue.collected() != 0 && queue.mode() == SocketMode::copy &&
         queue.longest() <= sender_->longest_packet() && slot(queue.address().device)->redirects;
}

// True when there are enough frames for a burst, but older ones are still in the ring: the burst would overtake them.
bool Driver::waits_for_ring(DeviceQueue& queue) noexcept {
  const bool waits = queue.collected() >= kBurstWorthwhile && suits_bursts(queue) && queue.undone() == 0 &&
                     queue.waited() < kRingWaitFlushes;
  queue.set_waited(waits ? queue.waited() + 1 : 0);
  return waits;
}

void Driver::send_bursts() noexcept {
  std::uint32_t ready = 0;
  for (const auto& queue : queues_) {
    if (!suits_bursts(*queue)) continue;
    queue->reclaim();
    if (queue->ring_idle()) ready += queue->collected();
  }
  if (ready < kBurstWorthwhile) return;
  for (const auto& queue : queues_) {
    while (sender_ != nullptr && suits_bursts(*queue) && queue->ring_idle() && !queue->offer(*sender_)) send_burst();
  }
  send_burst();
}

// A sender that fails once (its privileges were taken away) is removed: all frames then leave through the rings.
void Driver::send_burst() noexcept {
  if (sender_ == nullptr) return;
  const bool sent = sender_->send();
  for (const auto& queue : queues_) queue->end_burst(sent);
  if (!sent) sender_.reset();
}

Wake Driver::wait(milliseconds timeout) noexcept {
  if (config_.busy_poll) return woken_.exchange(false) ? Wake::called : Wake::traffic;
  const int timeout_ms = prepare_poll(timeout);
  const int ready = ::poll(polled_.data(), polled_.size(), timeout_ms);
  if (ready <= 0) return Wake::timeout;
  for (pollfd& polled : polled_)
    if ((polled.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) polled.events = 0;
  if ((polled_[0].revents & POLLIN) == 0) return Wake::traffic;
  eventfd_t ignored = 0;
  static_cast<void>(::eventfd_read(wake_fd_.get(), &ignored));
  return Wake::called;
}

void Driver::wake() noexcept {
  woken_.store(true);
  static_cast<void>(::eventfd_write(wake_fd_.get(), 1));
}

// Left out of the poll: a socket whose device is gone, which would report an error for ever; and a socket with undone
// descriptors, because poll() transmits them and does not report what the device refuses.
int Driver::prepare_poll(milliseconds timeout) noexcept {
  timeout = std::clamp(timeout, milliseconds{0}, milliseconds{std::numeric_limits<int>::max()});
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const DeviceQueue& queue = *queues_[i];
    pollfd& polled = polled_[i + 1];
    const bool undone = queue.undone() != 0;
    polled.fd = undone || polled.events == 0 ? -1 : queue.fd();
    if (queue.collected() != 0) timeout = milliseconds{0};
    if (queue.in_flight() != 0) timeout = std::min(timeout, undone ? kUndonePause : kInFlightPause);
  }
  return static_cast<int>(timeout.count());
}

void Driver::free_retired() noexcept {
  if (steady_clock::now() < *retired_until_) return;
  pool_.move_all(kRetired, kFree);
  retired_until_.reset();
}

}  // namespace twinpath::afxdp
