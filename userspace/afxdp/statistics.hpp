// statistics.hpp - the driver's counters. The kernel's own, per socket, are in XDP_STATISTICS of the socket's fd.
//
// Writer   the driver's thread, and only it: an increment is a plain load and store, no locked instruction.
// Readers  any thread, at any time; each value is exact by itself; two values may be of different instants.
// Units    packets, unless the name says otherwise. Values only grow; they outlive the socket they describe.
#pragma once

#include <atomic>
#include <cstdint>

namespace twinpath::afxdp {

class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept { set(value() + count); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// One device and queue.
struct QueueStatistics {
  Counter rx;                 // handed to the engine
  Counter tx;                 // accepted by transmit()
  Counter tx_bursts;          // of these, sent by the burst sender; the others through the TX ring
  Counter tx_full;            // refused by transmit(): ring full, quota used up, or no such socket
  Counter tx_invalid;         // refused by transmit(): bytes outside their frame, or a frame the engine does not hold
  Counter tx_device_drops;    // taken from the TX ring, then refused by the device (copy mode)
  Counter completions;        // frames that the kernel completed, or that were in flight when the socket was closed
  Counter bogus_completions;  // completed addresses of frames that this socket did not transmit; ignored
  Counter bogus_receives;     // descriptors of frames that were not in this fill ring; ignored
  Counter fill_empty;         // refills that ended early for lack of free frames
  Counter kicks;              // system calls to make the kernel transmit
  Counter kicks_link_down;    // of these, refused because the device was down or gone
};

}  // namespace twinpath::afxdp
