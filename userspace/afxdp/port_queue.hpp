// port_queue.hpp - one queue of one port: a socket, the frames it has, and how many it may have.
//
// Quota    `fill` frames for receive and `tx` frames for transmit. The driver shares them out so that all `tx` quotas
//          together stay below a part of the memory: however many links are stuck, transmit never takes the frames that
//          receive needs.
// Rule     every frame that comes out of a ring is looked up in the ledger before it is believed.
// Ways out transmit() only collects. The driver then sends the collected frames through the TX ring (flush), or as part
//          of a burst (offer, settle). A burst overtakes what is in the ring, so it may begin only when the ring is idle;
//          what it sends is on the device's queue at once, so the ring may follow it at any time.
// Thread   the driver's. noexcept and free of allocation after open().
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "afxdp/burst_sender.hpp"
#include "afxdp/frame.hpp"
#include "afxdp/frame_pool.hpp"
#include "afxdp/socket.hpp"
#include "afxdp/statistics.hpp"

namespace twinpath::afxdp {

struct Quota {
  std::uint32_t fill = 0;
  std::uint32_t tx = 0;
};

struct QueueAddress {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  std::uint32_t ifindex = 0;
};

class PortQueue {
 public:
  // Makes a socket on `umem`, fills its fill ring, binds it. On failure all its frames are free again.
  [[nodiscard]] static Result<std::unique_ptr<PortQueue>> open(const QueueAddress& address, Umem& umem, FramePool& pool,
                                                               QueueStatistics& statistics, Quota quota,
                                                               const SocketOptions& options);
  PortQueue(const PortQueue&) = delete;
  PortQueue& operator=(const PortQueue&) = delete;
  // Its frames stay where the ledger has them: the driver decides when they are safe to use again.
  ~PortQueue() = default;

  [[nodiscard]] const QueueAddress& address() const noexcept { return address_; }
  [[nodiscard]] SocketMode mode() const noexcept { return mode_; }
  [[nodiscard]] int fd() const noexcept { return socket_->fd(); }
  [[nodiscard]] Owner owner() const noexcept { return socket_owner(address_.port, address_.queue); }
  void set_quota(Quota quota) noexcept { quota_ = quota; }

  // Received frames, into `out`; they move to `engine`. Returns how many.
  [[nodiscard]] std::uint32_t receive(std::span<Frame> out, Owner engine) noexcept;
  // Brings the frames for receive up to the quota, as far as free frames go.
  void refill() noexcept;
  // The frame moves from `engine` to TX; false when there is no room, or the frame is not one that can be sent.
  [[nodiscard]] bool transmit(const Frame& frame, Owner engine) noexcept;
  // Puts what was collected on the TX ring, takes completed frames back and makes the kernel send, a bounded number of
  // times.
  void flush() noexcept;
  // Takes completed frames back.
  void reclaim() noexcept;

  // Collected, and not yet on any way out; the longest of them.
  [[nodiscard]] std::uint32_t collected() const noexcept { return static_cast<std::uint32_t>(collected_.size()); }
  [[nodiscard]] std::uint32_t longest() const noexcept { return longest_; }
  // Every frame given to the TX ring has come back.
  [[nodiscard]] bool ring_idle() const noexcept { return in_flight_ == collected(); }
  // For the driver's bookkeeping: calls of flush() in a row for which a burst has waited for the ring.
  [[nodiscard]] std::uint32_t waited() const noexcept { return waited_; }
  void set_waited(std::uint32_t flushes) noexcept { waited_ = flushes; }
  // Puts collected frames that were not offered yet into the burst. False: it is full before all are in.
  [[nodiscard]] bool offer(BurstSender& burst) noexcept;
  // What became of the frames offered: sent, and free again; or still collected.
  void settle(bool sent) noexcept;

  // Frames given for transmit that have not come back, and those of them the kernel has not even looked at.
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }
  [[nodiscard]] std::uint32_t undone() const noexcept { return socket_->tx().undone(); }

  // Notes in the ledger what waits in the RX and completion rings.
  void audit() noexcept;
  void read_kernel_statistics() noexcept;

 private:
  PortQueue(const QueueAddress& address, FramePool& pool, QueueStatistics& statistics, Quota quota,
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
  xdp_statistics kernel_seen_{};
};

}  // namespace twinpath::afxdp
