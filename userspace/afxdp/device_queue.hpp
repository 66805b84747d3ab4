// device_queue.hpp - one queue of one device: a socket, the frames it has, and its quotas.
//
// Quota    `fill` frames for receive and `tx` frames for transmit. The driver divides frame memory so that
//          all `tx` quotas together stay below a part of it: however many links are stuck, transmit never takes the
//          frames that receive needs.
// Rule     a frame that comes out of a ring is used only if the ledger says that it was in that ring.
// Sending  transmit() only collects. The driver then sends the collected frames through the TX ring (flush), or as part
//          of a burst (offer, end_burst). A burst overtakes frames in the ring, so it may begin only when the ring is
//          idle. Its frames are on the device's queue when the burst is sent, so the ring may be used right after it.
// Thread   the driver's. noexcept and free of allocation after open().
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "afxdp/burst_sender.hpp"
#include "afxdp/frame.hpp"
#include "afxdp/frame_io.hpp"
#include "afxdp/frame_pool.hpp"
#include "afxdp/socket.hpp"
#include "afxdp/statistics.hpp"

namespace twinpath::afxdp {

struct Quota {
  std::uint32_t fill = 0;
  std::uint32_t tx = 0;
};

struct QueueAddress {
  std::uint16_t device = 0;
  std::uint16_t queue = 0;
  std::uint32_t ifindex = 0;
  Owner owner = kNobody;  // in the ledger: a number that no other open socket has
};

class DeviceQueue {
 public:
  // Makes a socket on `umem`, fills its fill ring, binds it. On failure all its frames are free again.
  [[nodiscard]] static Result<std::unique_ptr<DeviceQueue>> open(const QueueAddress& address, Umem& umem,
                                                                 FramePool& pool, QueueStatistics& statistics,
                                                                 Quota quota, const SocketOptions& options);
  DeviceQueue(const DeviceQueue&) = delete;
  DeviceQueue& operator=(const DeviceQueue&) = delete;
  // The frames stay in the ledger as this socket's: the driver decides when they may be used again.
  ~DeviceQueue() = default;

  [[nodiscard]] const QueueAddress& address() const noexcept { return address_; }
  [[nodiscard]] SocketMode mode() const noexcept { return mode_; }
  [[nodiscard]] int fd() const noexcept { return socket_->fd(); }
  [[nodiscard]] Owner owner() const noexcept { return address_.owner; }
  void set_quota(Quota quota) noexcept { quota_ = quota; }

  // Moves received frames to `engine` and writes them into `out`. Returns how many.
  [[nodiscard]] std::uint32_t receive(std::span<Frame> out, Owner engine) noexcept;
  // Fills the fill ring up to the quota, as far as there are free frames.
  void refill() noexcept;
  // Moves the frame from `engine` to TX. False: ring or quota is full, or the frame cannot be sent (statistics say
  // which).
  [[nodiscard]] bool transmit(const Frame& frame, Owner engine) noexcept;
  // Puts the collected frames on the TX ring, frees completed ones and makes the kernel send, a bounded number of
  // times.
  void flush() noexcept;
  // Frees completed frames.
  void reclaim() noexcept;

  // Frames that are collected, and neither in the TX ring nor sent; the length of the longest.
  [[nodiscard]] std::uint32_t collected() const noexcept { return static_cast<std::uint32_t>(collected_.size()); }
  [[nodiscard]] std::uint32_t longest() const noexcept { return longest_; }
  // Every frame given to the TX ring has come back.
  [[nodiscard]] bool ring_idle() const noexcept { return in_flight_ == collected(); }
  // Kept for the driver: calls of flush() in a row for which a burst has waited for the ring.
  [[nodiscard]] std::uint32_t waited() const noexcept { return waited_; }
  void set_waited(std::uint32_t flushes) noexcept { waited_ = flushes; }
  // Puts the collected frames that were not offered yet into the burst. False: the burst became full before all were
  // in.
  [[nodiscard]] bool offer(BurstSender& burst) noexcept;
  // Ends the burst: the offered frames were sent and become free, or they were not and stay collected.
  void end_burst(bool sent) noexcept;

  // Since the last call; frame_io.hpp.
  [[nodiscard]] Losses take_losses() noexcept;
  // Packets that wait in the RX ring.
  [[nodiscard]] std::uint32_t unreceived() noexcept { return socket_->rx().waiting(UINT32_MAX); }

  // Frames given to transmit() that have not completed; descriptors on the TX ring that the kernel has not taken.
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }
  [[nodiscard]] std::uint32_t undone() const noexcept { return socket_->tx().undone(); }

 private:
  DeviceQueue(const QueueAddress& address, FramePool& pool, QueueStatistics& statistics, Quota quota,
              std::unique_ptr<Socket> socket);
  [[nodiscard]] bool accept(const xdp_desc& descriptor, Owner engine, Frame& out) noexcept;
  [[nodiscard]] bool needs_kick() const noexcept;
  [[nodiscard]] bool kick() noexcept;
  void push_collected() noexcept;

  QueueAddress address_;
  FramePool& pool_;
  QueueStatistics& statistics_;
  Quota quota_;
  std::unique_ptr<Socket> socket_;
  SocketMode mode_ = SocketMode::copy;
  std::uint32_t in_fill_ = 0;
  std::uint32_t in_flight_ = 0;
  std::vector<xdp_desc> collected_;  // capacity: the TX ring's
  std::uint32_t offered_ = 0;        // of these, from the front
  std::uint32_t longest_ = 0;
  std::uint32_t waited_ = 0;
  Losses taken_;               // by take_losses() so far
  std::uint64_t refused_ = 0;  // packets that the device refused
};

}  // namespace twinpath::afxdp
