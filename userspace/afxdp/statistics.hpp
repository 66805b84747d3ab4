// statistics.hpp - what the driver counts, readable while it runs.
//
// Writer   the driver's thread, and only it: an increment is a plain load and store, no locked instruction.
// Readers  any thread, at any time; each value is exact by itself, values among each other may be an instant apart.
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

// One port and queue.
struct QueueStatistics {
  Counter rx;                 // handed to the engine
  Counter tx;                 // accepted by transmit()
  Counter tx_bursts;          // of these, sent by a burst sender; the others went through the TX ring
  Counter tx_full;            // refused by transmit(): ring full, quota used up, or no such socket
  Counter tx_invalid;         // refused by transmit(): bytes outside their frame, or a frame the engine does not hold
  Counter tx_device_drops;    // taken from the TX ring, then refused by the device (copy mode)
  Counter completions;        // frames that came back from the kernel, or were taken back when the socket was closed
  Counter bogus_completions;  // addresses that were not with the kernel for transmit here; ignored
  Counter bogus_receives;     // descriptors that named no frame given for receive here; ignored
  Counter fill_empty;         // times the free frames did not suffice to refill
  Counter kicks;              // system calls to make the kernel transmit
  Counter kicks_link_down;    // of these, refused because the device was down or gone

  // Of the kernel, as of the last Driver::read_kernel_statistics().
  Counter kernel_rx_dropped;  // too long for a frame, or the pool was empty
  Counter kernel_rx_ring_full;
  Counter kernel_fill_ring_empty;
  Counter kernel_tx_invalid;  // stays 0, or transmit()'s checks have a hole
};

}  // namespace twinpath::afxdp
