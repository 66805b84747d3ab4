#include "afxdp/socket.hpp"

#include <sys/socket.h>

#include <thread>

namespace twinpath::afxdp {
namespace {

using std::chrono::steady_clock;

// Since Linux 6.17, newer than Debian's header.
constexpr int kMaxTxSkbBudget = 9;  // XDP_MAX_TX_SKB_BUDGET
constexpr std::chrono::milliseconds kBindPause{5};

sockaddr_xdp address_of(const Umem& umem, std::uint32_t ifindex, std::uint32_t queue) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = ifindex;
  address.sxdp_queue_id = queue;
  if (umem.anchor() >= 0) {  // mode and wake-up flags are the anchor's; naming them again is refused
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_shared_umem_fd = static_cast<std::uint32_t>(umem.anchor());
  } else {
    const int mode = umem.mode() == SocketMode::zerocopy ? XDP_ZEROCOPY : XDP_COPY;
    address.sxdp_flags = static_cast<std::uint16_t>(mode | XDP_USE_NEED_WAKEUP);
  }
  return address;
}

}  // namespace

Result<std::unique_ptr<Socket>> Socket::create(Umem& umem, const SocketOptions& options) {
  UniqueFd fd{::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)};
  if (!fd) return fail(errno, "open an AF_XDP socket");
  if (umem.anchor() < 0) {
    if (auto registered = umem.register_on(fd.get()); !registered) return pass_on(std::move(registered.error()));
  }
  std::unique_ptr<Socket> socket{new Socket{std::move(fd), umem, options}};
  if (auto sized = socket->size_rings(); !sized) return pass_on(std::move(sized.error()));
  if (auto mapped = socket->map_rings(); !mapped) return pass_on(std::move(mapped.error()));
  socket->widen_send_limits();
  return socket;
}

Socket::~Socket() { umem_.left(fd_.get()); }

Status Socket::size_rings() const {
  const RingSizes& sizes = options_.rings;
  const struct {
    int option;
    std::uint32_t entries;
    const char* name;
  } rings[] = {{XDP_UMEM_FILL_RING, sizes.fill, "fill"},
               {XDP_UMEM_COMPLETION_RING, sizes.completion, "completion"},
               {XDP_RX_RING, sizes.rx, "rx"},
               {XDP_TX_RING, sizes.tx, "tx"}};
  for (const auto& ring : rings)
    if (::setsockopt(fd_.get(), SOL_XDP, ring.option, &ring.entries, sizeof(ring.entries)) != 0)
      return fail(errno, "make a {} ring of {} entries", ring.name, ring.entries);
  return {};
}

Status Socket::map_rings() {
  xdp_mmap_offsets offsets{};
  socklen_t bytes = sizeof(offsets);
  if (::getsockopt(fd_.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &bytes) != 0)
    return fail(errno, "read ring offsets");
  const RingSizes& sizes = options_.rings;
  const struct {
    std::uint64_t page_offset;
    const xdp_ring_offset& offsets;
    std::uint32_t entries;
    std::uint32_t entry_bytes;
  } rings[] = {{XDP_UMEM_PGOFF_FILL_RING, offsets.fr, sizes.fill, sizeof(std::uint64_t)},
               {XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr, sizes.completion, sizeof(std::uint64_t)},
               {XDP_PGOFF_RX_RING, offsets.rx, sizes.rx, sizeof(xdp_desc)},
               {XDP_PGOFF_TX_RING, offsets.tx, sizes.tx, sizeof(xdp_desc)}};
  for (std::size_t i = 0; i < std::size(rings); ++i) {
    auto mapping =
        RingMapping::map(fd_.get(), rings[i].page_offset, rings[i].offsets, rings[i].entries, rings[i].entry_bytes);
    if (!mapping) return pass_on(std::move(mapping.error()));
    mappings_[i] = std::move(*mapping);
  }
  fill_ = ProducerRing<std::uint64_t>{mappings_[0].view()};
  completion_ = ConsumerRing<std::uint64_t>{mappings_[1].view()};
  rx_ = ConsumerRing<xdp_desc>{mappings_[2].view()};
  tx_ = ProducerRing<xdp_desc>{mappings_[3].view()};
  return {};
}

// Copy mode sends 32 packets per call and only as many bytes as the socket's send buffer holds (about 250 small packets
// by default). Low limits cost more kicks. Where they cannot be raised, transmit still works.
void Socket::widen_send_limits() const noexcept {
  const std::uint32_t budget = options_.rings.tx;
  static_cast<void>(::setsockopt(fd_.get(), SOL_XDP, kMaxTxSkbBudget, &budget, sizeof(budget)));
  const int buffer_bytes = 4 << 20;
  static_cast<void>(::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)));
}

// The kernel releases the queue of a closed socket in a work item, some milliseconds after close() or exit.
Status Socket::bind(std::uint32_t ifindex, std::uint32_t queue) {
  const sockaddr_xdp address = address_of(umem_, ifindex, queue);
  const auto deadline = steady_clock::now() + options_.bind_timeout;
  while (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EBUSY && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kBindPause);
      continue;
    }
    const int code = errno;
    return fail(code, "bind an AF_XDP socket ({}) to queue {} of device {}{}", name_of(umem_.mode()), queue, ifindex,
                code == EBUSY ? " (another program has this queue)" : "");
  }
  umem_.joined(fd_.get());
  return {};
}

Result<SocketMode> Socket::mode() const {
  xdp_options options{};
  socklen_t bytes = sizeof(options);
  if (::getsockopt(fd_.get(), SOL_XDP, XDP_OPTIONS, &options, &bytes) != 0) return fail(errno, "read socket options");
  return (options.flags & XDP_OPTIONS_ZEROCOPY) != 0 ? SocketMode::zerocopy : SocketMode::copy;
}

xdp_statistics Socket::statistics() const noexcept {
  xdp_statistics counted{};
  socklen_t bytes = sizeof(counted);
  if (::getsockopt(fd_.get(), SOL_XDP, XDP_STATISTICS, &counted, &bytes) != 0) return {};
  return counted;
}

Kick Socket::kick_tx() const noexcept {
  if (::sendto(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) return Kick::done;
  switch (errno) {
    case EBUSY: return umem_.mode() == SocketMode::copy ? Kick::dropped : Kick::again;
    case ENETDOWN:
    case ENXIO: return Kick::down;
    default:  // EAGAIN, ENOBUFS, ENOMEM, EINTR: all mean "later"
      return Kick::again;
  }
}

void Socket::kick_rx() const noexcept {
  static_cast<void>(::recvfrom(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr));
}

}  // namespace twinpath::afxdp
