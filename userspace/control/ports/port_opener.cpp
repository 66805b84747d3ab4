#include "control/ports/port_opener.hpp"

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>
#include <thread>

#include "netlink/xdp_features.hpp"

namespace twinpath {
namespace {

using std::chrono::steady_clock;

// The kernel frees a queue some time after its socket was closed or its owner died: EBUSY is retried for this long. It
// is shorter than the limit of the heartbeat (kHeartbeatLimit_s).
constexpr std::chrono::milliseconds kQueueRetryTime{2000};
constexpr std::chrono::milliseconds kQueueRetryPause{5};

std::uint16_t first_socket(std::uint16_t port) { return static_cast<std::uint16_t>(port * DP_QUEUES_MAX); }

dp_ingress* free_slot(std::span<dp_ingress> slots, std::uint32_t ifindex) {
  for (std::uint32_t probe = 0; probe < DP_INGRESS_PROBES; ++probe) {
    dp_ingress& slot = slots[(ifindex + probe) % DP_INGRESS_SLOTS];
    if (slot.ifindex == 0 || slot.ifindex == ifindex || slot.port == 0) return &slot;
  }
  return nullptr;
}

afxdp::SocketWish wish_of(Sockets sockets) {
  if (sockets == Sockets::zerocopy) return afxdp::SocketWish::zerocopy;
  return sockets == Sockets::copy ? afxdp::SocketWish::copy : afxdp::SocketWish::automatic;
}

}  // namespace

void set_trust(Tables& tables, std::uint16_t number, const PortTrust& trust) {
  static_assert(offsetof(dp_port, source_check) == offsetof(dp_port, zone) + 1 && offsetof(dp_port, zone) % 2 == 0);
  auto& both = reinterpret_cast<std::uint16_t&>(tables.memory().ports[number].zone);
  std::atomic_ref(both).store(std::bit_cast<std::uint16_t>(trust), std::memory_order_seq_cst);
}

std::uint16_t port_flags(const Port& port) {
  std::uint16_t flags = DP_PORT_PRESENT;
  if (port.link.up()) flags |= DP_PORT_UP;
  if (port.config.workload) flags |= DP_PORT_WORKLOAD;
  return flags;
}

PortOpener::PortOpener(Tables& tables, XdpHook& hook, CallEngine call_engine, NoteOffloads note_offloads)
    : tables_(tables), hook_(hook), call_engine_(std::move(call_engine)), note_offloads_(std::move(note_offloads)) {}

Status PortOpener::open(Port& port, const PortTrust& trust) {
  if (auto prepared = prepare(port, trust); !prepared) return prepared;
  return attach(port);
}

Status PortOpener::prepare(Port& port, const PortTrust& trust) {
  if (auto opened = open_sockets(port); !opened) return opened;
  if (auto fixed = fix_offloads(port); !fixed) return fixed;
  return write_tables(port, trust);
}

Status PortOpener::open_sockets(Port& port) {
  for (std::uint16_t queue = 0; queue < port.sockets_wanted(); ++queue) {
    auto report = open_socket(port, queue);
    if (!report) return pass_on(std::move(report.error()));
    const std::uint32_t index = first_socket(port.number) + std::uint32_t{queue};
    const int fd = report->fd;
    port.sockets.push_back({queue, std::move(*report)});
    if (auto set = map_update(tables_.maps().sockets, index, fd, "sockets"); !set) return set;
  }
  return {};
}

// The retry loop runs here and not in the engine, which serves the other ports between two tries.
Result<afxdp::SocketReport> PortOpener::open_socket(const Port& port, std::uint16_t queue) {
  const auto command = command::open_socket(port.number, port.link.ifindex, queue, wish_of(port.config.sockets));
  const auto deadline = steady_clock::now() + kQueueRetryTime;
  for (;;) {
    const EngineReply reply = call_engine_(command);
    if (reply.status == 0) return afxdp::SocketReport{reply.fd, reply.mode, reply.text};
    if (reply.status != EBUSY || steady_clock::now() >= deadline)
      return tl::unexpected(Error{reply.status, reply.text});
    std::this_thread::sleep_for(kQueueRetryPause);
  }
}

Status PortOpener::fix_offloads(Port& port) {
  if (port.config.offloads == Offloads::keep) return {};
  auto fixed = netlink::fix_offloads(port.config.device, port.config.attach == Attach::generic);
  if (!fixed) return pass_on(std::move(fixed.error()));
  port.has_peer = fixed->has_peer;
  port.peer_reached = fixed->peer_reached;
  port.problems = std::move(fixed->problems);
  return note_offloads_(fixed->changes);
}

Status PortOpener::write_tables(const Port& port, const PortTrust& trust) {
  dp_port out{};
  out.ifindex = port.link.ifindex;
  out.first_socket = first_socket(port.number);
  out.queue_count = static_cast<std::uint16_t>(port.sockets.size());
  std::memcpy(out.mac, port.link.mac.data(), sizeof(out.mac));
  out.zone = trust.zone;
  out.source_check = trust.source_check;
  out.flags = port_flags(port);
  out.mtu = static_cast<std::uint16_t>(port.link.mtu);
  tables_.memory().ports[port.number] = out;
  const std::uint32_t number = port.number;
  if (auto set = map_update(tables_.maps().tx_ports, number, port.link.ifindex, "tx_ports"); !set) return set;
  dp_ingress* slot = free_slot(tables_.memory().ingress.values(), port.link.ifindex);
  if (slot == nullptr) return refuse("too many ports whose device numbers collide");
  slot->port = number;
  std::atomic_ref<std::uint32_t>(slot->ifindex).store(port.link.ifindex, std::memory_order_release);
  return {};
}

Status PortOpener::attach(Port& port) {
  const auto ifindex = static_cast<int>(port.link.ifindex);
  if (port.config.attach != Attach::generic) {
    port.attach = AttachMode::native;
    auto native = hook_.attach(port.config.device, ifindex, AttachMode::native);
    if (native || port.config.attach == Attach::native) return native;
    port.problems.push_back(native.error().text + ": attached in generic mode, which is slower");
  }
  port.attach = AttachMode::generic;
  return hook_.attach(port.config.device, ifindex, AttachMode::generic);
}

void PortOpener::query_redirects(Port& port) {
  const auto features = netlink::query_xdp_features(port.link.ifindex);
  if (features && features->has_value()) port.takes_redirects = (*features)->takes_redirects();
  call_engine_(command::set_redirects(port.number, port.takes_redirects));
}

// An ingress slot keeps its ifindex when its port is removed: an empty slot would end the probe for the slots after it.
void PortOpener::close(const Port& port) {
  hook_.detach(port.config.device);
  for (dp_ingress& slot : tables_.memory().ingress.values()) {
    if (slot.port == port.number) std::atomic_ref(slot.port).store(0);
  }
  tables_.memory().ports[port.number] = dp_port{};
  const std::uint32_t number = port.number;
  (void)map_remove(tables_.maps().tx_ports, number, "tx_ports");
  for (const PortSocket& socket : port.sockets) {
    const std::uint32_t index = first_socket(port.number) + std::uint32_t{socket.queue};
    (void)map_remove(tables_.maps().sockets, index, "sockets");
  }
  call_engine_(command::set_redirects(port.number, false));
  call_engine_(command::close_sockets(port.number));
}

}  // namespace twinpath
