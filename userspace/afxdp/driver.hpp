// driver.hpp - the packet I/O of a gateway: frame memory, the AF_XDP sockets of all ports, and the account of frames.
//
// Loop     for (;;) { burst = receive(); judge it; transmit() or release() every frame; flush(); wait(); }
//          A frame handed out by receive() or allocate() belongs to the engine until one of transmit(), release() or
//          lend() succeeds. Frames may be held across bursts; how many is the caller's to bound (engine_frames()).
// Thread   one thread calls everything, except what is marked "any thread". No hot call allocates, throws or sleeps.
// Place    add_socket() sees the devices of the calling thread's network namespace.
// Memory   three parts. `receive_share` of the frames is for fill rings and `transmit_share` for transmit, both shared
//          out equally among the sockets; the rest is for the engine and applications. A socket's transmit() refuses
//          beyond its quota and allocate() beyond the engine's part: so stuck links and a busy engine together leave
//          the fill rings their share.
// Errors   cold calls return what failed. Hot ones count: see statistics().
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "afxdp/burst_sender.hpp"
#include "afxdp/frame_io.hpp"
#include "afxdp/frame_pool.hpp"
#include "afxdp/port_queue.hpp"
#include "afxdp/sockets.hpp"
#include "afxdp/statistics.hpp"
#include "afxdp/umem.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "common/model/limits.h"

namespace twinpath::afxdp {

struct DriverConfig {
  std::uint32_t frames = 65536;
  std::uint32_t frame_bytes = 2048;
  double receive_share = 0.5;
  double transmit_share = 0.25;
  // The shares are divided by this or by the number of open sockets, whichever is more. Name all queues of all ports:
  // frames in a fill ring cannot be called back, so early sockets would keep what later ones ought to have. Sockets that
  // come unplanned take their part from what is free, and the earlier ones shrink to theirs as packets arrive.
  std::uint32_t sockets_planned = 1;
  bool busy_poll = false;    // wait() returns at once
  std::uint16_t engine = 0;  // id in the ledger
  SocketOptions sockets;
};

class Driver final : public FrameIo, public Sockets {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Driver>> create(const DriverConfig& config);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() override;

  // Before the first flush(). Only ports that set_redirects() has named use it.
  void set_burst_sender(std::unique_ptr<BurstSender> sender) noexcept { sender_ = std::move(sender); }
  // Any thread: whether the device of this port takes XDP redirects. At first none does.
  void set_redirects(std::uint16_t port, bool takes) noexcept override {
    redirects_[port].store(takes, std::memory_order_relaxed);
  }
  // Opens port 1..63, queue 0..15. While a dead owner still has the queue, waits for the request's patience; then EBUSY.
  [[nodiscard]] Result<SocketReport> add_socket(const SocketRequest& request) override;
  // Closes the port's sockets. Their frames are free at once (copy) or after a second (zero-copy: the NIC may still
  // write). Frames of the port that the engine holds stay the engine's.
  void remove_port(std::uint16_t port) override;
  // -1 when that socket is not open.
  [[nodiscard]] int fd(std::uint16_t port, std::uint16_t queue) const noexcept;

  // Up to `burst` (kBurstMax at most) received frames, from each socket its fair part, starting with another socket
  // each time; refills the fill rings. The span is good until the next call.
  [[nodiscard]] std::span<Frame> receive(std::uint32_t burst) noexcept override;
  [[nodiscard]] std::span<Frame> receive() noexcept { return receive(kBurstMax); }
  // Queues the frame for sending; the kernel learns of it at flush(). False: counted (tx_full, tx_invalid), and the
  // frame is still the engine's.
  [[nodiscard]] bool transmit(const Frame& frame, std::uint16_t port, std::uint16_t queue) noexcept override;
  // The engine is done with the frame.
  void release(std::uint32_t index) noexcept override;
  // A frame to write a packet into, `data` behind kFrameHeadroom; false in a condition when there is none to spare.
  [[nodiscard]] Frame allocate() noexcept override;
  // To an application and back. False when the frame is not where the move begins.
  [[nodiscard]] bool lend(std::uint32_t index, std::uint16_t application) noexcept;
  [[nodiscard]] bool take_back(std::uint32_t index, std::uint16_t application) noexcept;
  // Sends what transmit() accepted, and takes completed frames back. Many frames for ports that take redirects leave as
  // a burst, when there is a sender of bursts; the others through their TX rings. Frames of one port and queue never
  // overtake each other: a burst waits, for a bounded number of calls, until what is in the ring has completed. What
  // cannot be sent now (link down, device busy) waits in its TX ring and is tried again by every later call. Bounded:
  // never waits for a device.
  void flush() noexcept override;
  // The same without bursts, which fill a short device queue (veth: 256 packets) faster than its receiver empties it.
  void flush_paced() noexcept override;

  // Sleeps until packets wait, wake() is called, or the timeout; shorter while frames are on their way out, so that
  // flush() is called again soon. With busy_poll it never sleeps and says `traffic`.
  [[nodiscard]] Wake wait(std::chrono::milliseconds timeout) noexcept override;
  // Any thread, and signal handlers: the present or next wait() returns `called`.
  void wake() noexcept override;

  // Any thread. Zeros for sockets never opened; `port` and `queue` within their limits.
  [[nodiscard]] const QueueStatistics& statistics(std::uint16_t port, std::uint16_t queue) const noexcept {
    return statistics_[slot(port, queue)];
  }
  [[nodiscard]] SentFrames sent(std::uint16_t port, std::uint16_t queue) const noexcept override {
    const QueueStatistics& counted = statistics(port, queue);
    return {counted.tx.value(), counted.completions.value()};
  }
  // Any thread: the counters of places, and refused moves. check() is for the driver's thread.
  [[nodiscard]] const FrameLedger& ledger() const noexcept { return pool_.ledger(); }
  // Any thread: maps the frames into another process.
  [[nodiscard]] const FrameMemory& memory() const noexcept { return pool_.memory(); }
  // How many frames the engine and applications may have together before allocate() refuses.
  [[nodiscard]] std::uint32_t engine_frames() const noexcept override { return engine_frames_; }

  // Copies the kernel's own counters into statistics(); a system call per socket, so about once a second.
  void read_kernel_statistics() noexcept;
  // Looks into the rings, notes in the ledger which frames wait there, and checks that everything adds up.
  [[nodiscard]] Status audit();

 private:
  static constexpr std::size_t kSlots = std::size_t{DP_PORTS_MAX} * DP_QUEUES_MAX;
  static constexpr std::size_t slot(std::uint16_t port, std::uint16_t queue) noexcept {
    return std::size_t{port} * DP_QUEUES_MAX + queue;
  }
  struct Shares {
    std::uint32_t receive;
    std::uint32_t transmit;
  };

  Driver(const DriverConfig& config, FramePool pool, UniqueFd wake_fd);
  [[nodiscard]] Status check_request(const SocketRequest& request) const;
  [[nodiscard]] Result<std::unique_ptr<PortQueue>> open_queue(const SocketRequest& request, Umem& umem);
  [[nodiscard]] Quota quota_for(std::size_t queues) const noexcept;
  void rebuild() noexcept;
  void free_retired() noexcept;
  [[nodiscard]] bool suits_bursts(const PortQueue& queue) const noexcept;
  [[nodiscard]] bool waits_for_ring(PortQueue& queue) noexcept;
  void send_bursts() noexcept;
  void send_burst() noexcept;
  [[nodiscard]] int prepare_poll(std::chrono::milliseconds timeout) noexcept;
  [[nodiscard]] Owner self() const noexcept { return engine_owner(config_.engine); }

  DriverConfig config_;
  FramePool pool_;
  UniqueFd wake_fd_;
  std::atomic<bool> woken_{false};
  Shares shares_;
  std::uint32_t engine_frames_;
  Umem copy_umem_;
  Umem zerocopy_umem_;
  std::unique_ptr<QueueStatistics[]> statistics_;
  std::vector<std::unique_ptr<PortQueue>> queues_;  // after the UMEMs and the pool: destroyed before them
  std::array<PortQueue*, kSlots> by_slot_{};
  std::vector<pollfd> polled_;  // [0] is wake_fd_, [n + 1] queues_[n]; no events: its device is gone
  std::array<Frame, kBurstMax> burst_;
  std::size_t next_queue_ = 0;
  std::unique_ptr<BurstSender> sender_;
  std::array<std::atomic<bool>, DP_PORTS_MAX> redirects_{};
  std::optional<std::chrono::steady_clock::time_point> retired_until_;
};

}  // namespace twinpath::afxdp
