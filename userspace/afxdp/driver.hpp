// driver.hpp - the packet I/O of a gateway: frame memory, the AF_XDP sockets of all devices, and the ledger of frames.
//
// Loop     for (;;) { burst = receive(); decide it; transmit() or release() every frame; flush(); wait(); }
//          A frame handed out by receive() or allocate() belongs to the engine until transmit() or release() succeeds.
//          Frames may be held across bursts; the caller bounds their number (engine_frames()).
// Thread   one thread calls everything, except what is marked "any thread". No hot call allocates, throws or sleeps.
// Netns    add_socket() finds the devices of the calling thread's network namespace.
// Memory   three parts. `receive_share` of the frames is for fill rings and `transmit_share` for transmit, both divided
//          equally among the sockets; the rest is for the engine. transmit() refuses beyond the
//          socket's quota and allocate() beyond the engine's part, so the fill rings keep their share when links are
//          stuck and the engine is busy.
// Errors   calls outside the packet loop return the error. Calls of the packet loop count it: see statistics().
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
#include "afxdp/device_queue.hpp"
#include "afxdp/frame_io.hpp"
#include "afxdp/frame_pool.hpp"
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
  // The shares are divided by this or by the number of open sockets, whichever is more. Count all queues of all devices:
  // frames in a fill ring cannot be taken back, so the first sockets would keep the frames of later ones. Sockets
  // beyond this number take free frames, and the quotas of the earlier ones shrink as packets arrive.
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

  // Call before the first flush(). Only devices for which set_redirects() says so use the sender.
  void set_burst_sender(std::unique_ptr<BurstSender> sender) noexcept { sender_ = std::move(sender); }
  // Whether this device takes XDP redirects: false at first, and for a device that never had a socket.
  void set_redirects(std::uint16_t device, bool takes) noexcept override;
  // Opens a queue of a device. While a former owner has the queue, waits for the request's bind_timeout; then EBUSY.
  [[nodiscard]] Result<SocketReport> add_socket(const SocketRequest& request) override;
  // Closes the device's sockets. Their frames are free at once (copy) or after a second (zero-copy: the NIC may still
  // write). Frames of the device that the engine holds remain with the engine.
  void remove_device(std::uint16_t device) override;

  // Up to `burst` (kBurstMax at most) received frames, shared equally among the sockets, starting with another socket
  // each time. Refills the fill rings. The span is valid until the next call.
  [[nodiscard]] std::span<Frame> receive(std::uint32_t burst) noexcept override;
  [[nodiscard]] std::span<Frame> receive() noexcept { return receive(kBurstMax); }
  // Queues the frame for sending; flush() gives it to the kernel. False: counted (tx_full, tx_invalid; not of a
  // device that never had a socket), and the frame remains with the engine.
  [[nodiscard]] bool transmit(const Frame& frame, std::uint16_t device, std::uint16_t queue) noexcept override;
  // Frees a frame of the engine.
  void release(std::uint32_t index) noexcept override;
  // A frame to write a packet into, `data` behind kFrameHeadroom; empty (operator bool) beyond the engine's part.
  [[nodiscard]] Frame allocate() noexcept override;
  // Sends the frames that transmit() accepted, and frees completed ones. Many frames for devices that take redirects
  // leave as a burst, when there is a burst sender; the others leave through their TX rings. Frames of one device and
  // queue never overtake each other: a burst waits, for a bounded number of calls, until the frames in the ring have
  // completed. Frames that cannot be sent now (link down, device busy) wait in their TX ring and are tried again by
  // every later call. The call itself never waits for a device.
  void flush() noexcept override;
  // flush() without bursts, which fill a short device queue (veth: 256 packets) faster than its receiver empties it.
  void flush_paced() noexcept override;

  // Sleeps until packets wait, wake() is called, or the timeout; shorter while frames are in flight, so that flush() is
  // called again soon. With busy_poll it does not sleep and returns `traffic`.
  [[nodiscard]] Wake wait(std::chrono::milliseconds timeout) noexcept override;
  // Any thread, and signal handlers: the present or next wait() returns `called`.
  void wake() noexcept override;

  // Any thread. Zeros for sockets never opened.
  [[nodiscard]] const QueueStatistics& statistics(std::uint16_t device, std::uint16_t queue) const noexcept;
  [[nodiscard]] SentFrames sent(std::uint16_t device, std::uint16_t queue) const noexcept override {
    const QueueStatistics& counted = statistics(device, queue);
    return {counted.tx.value(), counted.completions.value()};
  }
  // Any thread: frames by place. Only the driver's thread may call check().
  [[nodiscard]] const FrameLedger& ledger() const noexcept { return pool_.ledger(); }
  // Any thread. Its fd lets another process map the frames.
  [[nodiscard]] const FrameMemory& memory() const noexcept { return pool_.memory(); }
  // Frames that the engine may have before allocate() refuses.
  [[nodiscard]] std::uint32_t engine_frames() const noexcept override { return engine_frames_; }
  [[nodiscard]] Losses take_losses() noexcept override;

 private:
  // A device that has had a socket: kept as long as the driver, because its counters only grow.
  struct DeviceSlot {
    std::array<QueueStatistics, DP_QUEUES_MAX> statistics;
    std::array<DeviceQueue*, DP_QUEUES_MAX> queues{};  // open ones; the driver's thread
    bool redirects = false;
  };
  struct Shares {
    std::uint32_t receive;
    std::uint32_t transmit;
  };

  Driver(const DriverConfig& config, FramePool pool, UniqueFd wake_fd);
  [[nodiscard]] DeviceSlot* slot(std::uint16_t device) const noexcept {
    return device < slots_.size() ? slots_[device].load(std::memory_order_acquire) : nullptr;
  }
  [[nodiscard]] DeviceSlot& make_slot(std::uint16_t device);
  [[nodiscard]] Owner free_owner() const;
  [[nodiscard]] Status check_request(const SocketRequest& request) const;
  [[nodiscard]] Result<std::unique_ptr<DeviceQueue>> open_queue(const SocketRequest& request, Umem& umem);
  [[nodiscard]] Quota quota_for(std::size_t queues) const noexcept;
  void rebuild() noexcept;
  void add_losses(DeviceQueue& queue) noexcept;
  void free_retired() noexcept;
  [[nodiscard]] bool suits_bursts(const DeviceQueue& queue) const noexcept;
  [[nodiscard]] bool waits_for_ring(DeviceQueue& queue) noexcept;
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
  std::vector<std::unique_ptr<DeviceSlot>> known_devices_;
  std::array<std::atomic<DeviceSlot*>, DP_DEVICES_MAX> slots_{};  // of known_devices_, by number
  std::vector<std::unique_ptr<DeviceQueue>> queues_;              // after the UMEMs and the pool: destroyed before them
  std::vector<pollfd> polled_;  // [0] is wake_fd_, [n + 1] queues_[n]; no events: its device is gone
  std::array<Frame, kBurstMax> burst_;
  std::size_t next_queue_ = 0;
  std::unique_ptr<BurstSender> sender_;
  std::optional<std::chrono::steady_clock::time_point> retired_until_;
  Losses lost_;  // at sockets that were closed since the last take_losses()
};

}  // namespace twinpath::afxdp
