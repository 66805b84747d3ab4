#include "control/port_set.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "netlink/xdp_features.hpp"

namespace twinpath {
namespace {

// What a received frame needs besides the IP packet: the kernel's headroom, Ethernet, two tags.
constexpr std::uint32_t kFrameOverhead = afxdp::kFrameHeadroom + 14 + 2 * 4;

std::uint16_t first_socket(std::uint16_t port) { return static_cast<std::uint16_t>(port * DP_QUEUES_MAX); }

Result<Port> survey_port(const PortConfig& config, std::uint16_t number, std::uint32_t frame_bytes) {
  Port port;
  port.number = number;
  port.config = config;
  auto link = netlink::find_device(config.device);
  if (!link && link.error().code == ENODEV) return refuse("port {}: there is no device {}", config.name, config.device);
  if (!link) return pass_on(std::move(link.error()).in("port " + config.name));
  port.link = std::move(*link);
  if (port.link.kind == "vlan")
    return refuse("port {}: {} is a VLAN device, which this version does not take as a port", config.name,
                  config.device);
  if (port.link.loopback) return refuse("port {}: {} is the loopback device", config.name, config.device);
  if (port.link.mtu > frame_bytes - kFrameOverhead)
    return refuse("port {}: MTU {} of {} does not fit a frame of {} bytes: {} at most, or engine.frame_bytes 4096",
                  config.name, port.link.mtu, config.device, frame_bytes, frame_bytes - kFrameOverhead);
  auto queues = netlink::count_rx_queues(port.link);
  if (!queues) return pass_on(std::move(queues.error()).in("port " + config.name));
  if (config.queues > *queues)
    return refuse("port {}: queues {} asked for, {} has {}", config.name, config.queues, config.device, *queues);
  port.queue_count = std::min<std::uint32_t>(*queues, DP_QUEUES_MAX);
  return port;
}

dp_ingress* free_slot(std::span<dp_ingress> slots, std::uint32_t ifindex) {
  for (std::uint32_t probe = 0; probe < DP_INGRESS_PROBES; ++probe) {
    dp_ingress& slot = slots[(ifindex + probe) % DP_INGRESS_SLOTS];
    if (slot.ifindex == 0 || slot.ifindex == ifindex || slot.port == 0) return &slot;
  }
  return nullptr;
}

std::uint16_t flags_of(const Port& port) {
  std::uint16_t flags = DP_PORT_PRESENT;
  if (port.link.up()) flags |= DP_PORT_UP;
  if (port.config.workload) flags |= DP_PORT_WORKLOAD;
  return flags;
}

}  // namespace

Result<PortSet> PortSet::survey(const Config& config, const PolicyImage& image, const std::string& pins) {
  PortSet set;
  for (const PortConfig& wanted : config.ports) {
    auto port = survey_port(wanted, image.port(wanted.name), config.engine.frame_bytes);
    if (!port) return pass_on(std::move(port.error()));
    auto free = check_hook(pins, wanted.device, static_cast<int>(port->link.ifindex));
    if (!free) return pass_on(std::move(free.error()).in("port " + wanted.name));
    set.ports_.push_back(std::move(*port));
  }
  return set;
}

Status PortSet::open(KernelDatapath& datapath, afxdp::Driver& driver, const PolicyImage& image,
                     const NoteOffloads& note) {
  for (Port& port : ports_) {
    if (auto opened = open_port(port, datapath, driver, image, note); !opened)
      return pass_on(std::move(opened.error()).in("port " + port.config.name));
  }
  // Attaching and GRO at both ends decide whether a veth takes redirects, so this is asked last.
  for (Port& port : ports_) {
    const auto features = netlink::query_xdp_features(port.link.ifindex);
    if (features && features->has_value()) port.takes_redirects = (*features)->takes_redirects();
  }
  return {};
}

Status PortSet::open_port(Port& port, KernelDatapath& datapath, afxdp::Driver& driver, const PolicyImage& image,
                          const NoteOffloads& note) {
  if (auto opened = open_sockets(port, datapath, driver); !opened) return opened;
  if (auto fixed = fix(port, note); !fixed) return fixed;
  write_port(port, image.zone(port.config.zone), datapath);
  const std::uint32_t number = port.number;
  if (auto set = map_update(datapath.maps().tx_ports, number, port.link.ifindex, "tx_ports"); !set) return set;
  dp_ingress* slot = free_slot(datapath.memory().ingress.values(), port.link.ifindex);
  if (slot == nullptr) return refuse("too many ports whose device numbers collide");
  slot->port = number;
  std::atomic_ref<std::uint32_t>(slot->ifindex).store(port.link.ifindex, std::memory_order_release);
  return attach(port, datapath);
}

Status PortSet::open_sockets(Port& port, KernelDatapath& datapath, afxdp::Driver& driver) {
  const auto wish = port.config.sockets == Sockets::zerocopy ? afxdp::SocketWish::zerocopy
                    : port.config.sockets == Sockets::copy   ? afxdp::SocketWish::copy
                                                             : afxdp::SocketWish::automatic;
  for (std::uint16_t queue = 0; queue < port.sockets_wanted(); ++queue) {
    auto report = driver.add_socket({port.number, port.link.ifindex, queue, wish});
    if (!report) return pass_on(std::move(report.error()));
    const std::uint32_t index = first_socket(port.number) + std::uint32_t{queue};
    if (auto set = map_update(datapath.maps().sockets, index, report->fd, "sockets"); !set) return set;
    port.sockets.push_back({queue, std::move(*report)});
  }
  return {};
}

Status PortSet::fix(Port& port, const NoteOffloads& note) {
  if (port.config.offloads == Offloads::keep) return {};
  auto fixed = netlink::fix_offloads(port.config.device, port.config.attach == Attach::generic);
  if (!fixed) return pass_on(std::move(fixed.error()));
  port.has_peer = fixed->has_peer;
  port.peer_reached = fixed->peer_reached;
  port.problems = std::move(fixed->problems);
  return note(fixed->changes);
}

Status PortSet::attach(Port& port, KernelDatapath& datapath) {
  const auto ifindex = static_cast<int>(port.link.ifindex);
  if (port.config.attach != Attach::generic) {
    port.attach = AttachMode::native;
    auto native = datapath.attach(port.config.device, ifindex, AttachMode::native);
    if (native || port.config.attach == Attach::native) return native;
    port.problems.push_back(native.error().text + ": attached in generic mode, which is slower");
  }
  port.attach = AttachMode::generic;
  return datapath.attach(port.config.device, ifindex, AttachMode::generic);
}

void PortSet::write_port(const Port& port, std::uint8_t zone, KernelDatapath& datapath) {
  dp_port out{};
  out.ifindex = port.link.ifindex;
  out.first_socket = first_socket(port.number);
  out.queue_count = static_cast<std::uint16_t>(port.sockets.size());
  std::memcpy(out.mac, port.link.mac.data(), sizeof(out.mac));
  out.zone = zone;
  out.source_check = static_cast<std::uint8_t>(port.config.source_check);
  out.flags = flags_of(port);
  out.mtu = static_cast<std::uint16_t>(port.link.mtu);
  datapath.memory().ports[port.number] = out;
}

void PortSet::tell_hops(const Port& port, NextHopBook& hops) const {
  hops.set_port(port.number, {.mac = port.link.mac,
                              .mtu = static_cast<std::uint16_t>(port.link.mtu),
                              .vlan = 0,
                              .up = port.link.up(),
                              .takes_redirects = port.takes_redirects});
}

// Slots of ingress keep the device's number without a port: emptied, they would end the search for their neighbours.
void PortSet::retire_others(KernelDatapath& datapath, const std::string& pins) {
  for (const std::string& device : pinned_devices(pins)) {
    if (std::ranges::none_of(ports_, [&](const Port& port) { return port.config.device == device; }))
      datapath.detach(device);
  }
  TableMemory& memory = datapath.memory();
  for (dp_ingress& slot : memory.ingress.values()) {
    if (slot.ifindex != 0 && number_of(slot.ifindex) != slot.port) std::atomic_ref(slot.port).store(0);
  }
  for (std::uint32_t number = 1; number < DP_PORTS_MAX; ++number) {
    if (memory.ports[number].flags == 0 ||
        std::ranges::any_of(ports_, [&](const Port& port) { return port.number == number; }))
      continue;
    memory.ports[number] = dp_port{};
    (void)map_remove(datapath.maps().tx_ports, number, "tx_ports");
  }
}

void PortSet::follow(const netlink::Mirror& mirror, KernelDatapath& datapath, NextHopBook& hops) {
  for (Port& port : ports_) {
    const auto found = mirror.links().find(port.link.ifindex);
    if (found == mirror.links().end())
      port.link.carrier = false;  // gone: nothing can leave by it
    else
      port.link = found->second;
    dp_port& written = datapath.memory().ports[port.number];
    std::memcpy(written.mac, port.link.mac.data(), sizeof(written.mac));
    written.mtu = static_cast<std::uint16_t>(port.link.mtu);
    written.flags = flags_of(port);
    tell_hops(port, hops);
  }
}

bool PortSet::set_redirects(std::uint32_t ifindex, bool takes, NextHopBook& hops) {
  for (Port& port : ports_) {
    if (port.link.ifindex != ifindex || port.takes_redirects == takes) continue;
    port.takes_redirects = takes;
    tell_hops(port, hops);
    return true;
  }
  return false;
}

void PortSet::close(KernelDatapath& datapath) {
  for (const Port& port : ports_) datapath.detach(port.config.device);
}

std::uint16_t PortSet::number_of(std::uint32_t ifindex) const {
  const auto found =
      std::find_if(ports_.begin(), ports_.end(), [&](const Port& port) { return port.link.ifindex == ifindex; });
  return found == ports_.end() ? 0 : found->number;
}

}  // namespace twinpath
