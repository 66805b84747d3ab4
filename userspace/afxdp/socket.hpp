// socket.hpp - one AF_XDP socket: a device queue's rings and their binding.
//
// Life     create() → push to fill() → bind() → receive and transmit → destruction unbinds. Filling comes before
//          binding, so that the first packet finds a frame.
// Rings    each socket has its own fill and completion ring: the kernel wants one pair per (device, queue), also when
//          the UMEM is shared.
// Netns    create() must run in the network namespace of the device: it decides which devices bind() finds.
// Thread   the driver's. No method allocates after bind().
#pragma once

#include <linux/if_xdp.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "afxdp/ring.hpp"
#include "afxdp/umem.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath::afxdp {

// Entries; powers of two. Fill is twice RX, because a zero-copy NIC keeps a ring of its own filled out of it.
struct RingSizes {
  std::uint32_t fill = 4096;
  std::uint32_t completion = 2048;
  std::uint32_t rx = 2048;
  std::uint32_t tx = 2048;
};

struct SocketOptions {
  RingSizes rings;
  // How long bind() waits for the kernel to release the queue of a former owner.
  std::chrono::milliseconds bind_timeout{2000};
};

enum class Kick : std::uint8_t {
  done,     // the kernel took as many descriptors as it sends per call
  again,    // it can take no more now; try again later
  dropped,  // copy mode: the device refused one packet, which is completed but not sent; the rest still waits
  down,     // the device is down or gone: nothing moves until that changes
};

class Socket {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Socket>> create(Umem& umem, const SocketOptions& options);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  // EBUSY means that the queue's former owner has just died, or that it still runs: retried until `bind_timeout`, then
  // an error.
  [[nodiscard]] Status bind(std::uint32_t ifindex, std::uint32_t queue);

  // For the XSKMAP.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // The mode that the kernel reports for the bound socket.
  [[nodiscard]] Result<SocketMode> mode() const;

  // The kernel's counters of this socket (XDP_STATISTICS); zeros when it does not tell.
  [[nodiscard]] xdp_statistics statistics() const noexcept;

  [[nodiscard]] ProducerRing<std::uint64_t>& fill() noexcept { return fill_; }
  [[nodiscard]] ConsumerRing<std::uint64_t>& completion() noexcept { return completion_; }
  [[nodiscard]] ConsumerRing<xdp_desc>& rx() noexcept { return rx_; }
  [[nodiscard]] ProducerRing<xdp_desc>& tx() noexcept { return tx_; }

  // Makes the kernel process the TX ring. Copy mode sends a bounded number of packets per call.
  [[nodiscard]] Kick kick_tx() const noexcept;
  // Makes a zero-copy driver process the fill ring.
  void kick_rx() const noexcept;

 private:
  Socket(UniqueFd fd, Umem& umem, const SocketOptions& options) : fd_(std::move(fd)), umem_(umem), options_(options) {}
  [[nodiscard]] Status size_rings() const;
  [[nodiscard]] Status map_rings();
  void widen_send_limits() const noexcept;

  UniqueFd fd_;
  Umem& umem_;
  SocketOptions options_;
  RingMapping mappings_[4];
  ProducerRing<std::uint64_t> fill_;
  ConsumerRing<std::uint64_t> completion_;
  ConsumerRing<xdp_desc> rx_;
  ProducerRing<xdp_desc> tx_;
};

}  // namespace twinpath::afxdp
