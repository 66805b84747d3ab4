// live_transmit.hpp - sends a burst of packets by one system call: BPF_PROG_TEST_RUN with live frames.
//
// Why      AF_XDP in copy mode makes an skb of every packet; here the kernel takes frames from a page pool and redirects
//          them as XDP does. A call costs some 15 µs before its first packet, so it is for bursts.
// Loop     put() the packets, send(), and the same again. What send() has sent is on the egress devices' queues when it
//          returns, in the order of put(). A device that refuses a packet (down, ring full) drops it, as it does with
//          what XDP redirects.
// Devices  by number, through the gateway's devmap; the device must take redirects.
// Thread   one at a time. put() and send() neither allocate nor throw; a full burst is refused, not grown.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "common/model/transmit.h"
#include "kernel/bpf_map.hpp"

struct transmit_bpf;

namespace twinpath {

class LiveTransmit {
 public:
  // `tx_devices` is the gateway's devmap. Refused where a call takes so long that sockets are the better way.
  [[nodiscard]] static Result<LiveTransmit> create(int tx_devices);
  LiveTransmit(LiveTransmit&&) noexcept;
  LiveTransmit& operator=(LiveTransmit&&) noexcept;
  ~LiveTransmit();

  // False: the burst is full, or no such packet can be sent this way.
  [[nodiscard]] bool put(std::span<const std::uint8_t> packet, std::uint16_t device) noexcept;
  // False: nothing was sent. The burst is empty afterwards either way.
  [[nodiscard]] bool send() noexcept;
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }

 private:
  struct Destroy {
    void operator()(transmit_bpf* skeleton) const noexcept;
  };

  LiveTransmit() = default;
  [[nodiscard]] Status load(int tx_devices);
  [[nodiscard]] Status keep_dispatched();
  [[nodiscard]] Status try_out();
  [[nodiscard]] int run(std::uint32_t count) noexcept;

  std::unique_ptr<transmit_bpf, Destroy> skeleton_;
  MapMemory<dp_transmit_slot> slots_;
  MapMemory<dp_transmit_arena> arena_;
  UniqueFd place_;  // a network namespace of our own, in whose loopback device the program sits
  UniqueFd link_;
  std::uint32_t waiting_ = 0;
  std::uint32_t offset_ = 0;
};

}  // namespace twinpath
