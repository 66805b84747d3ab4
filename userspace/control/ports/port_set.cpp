#include "control/ports/port_set.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "netlink/device.hpp"

namespace twinpath {
namespace {

// The bytes of a received frame besides the IP packet: the kernel's headroom, Ethernet, two VLAN tags.
constexpr std::uint32_t kFrameOverhead = afxdp::kFrameHeadroom + 14 + 2 * 4;

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

}  // namespace

Result<PortSet> PortSet::survey(const Config& config, const TableImage& image, const std::string& pins) {
  PortSet set;
  for (const PortConfig& wanted : config.ports) {
    auto port = survey(wanted, image.port(wanted.name), config.engine.frame_bytes, pins);
    if (!port) return pass_on(std::move(port.error()));
    set.ports_.push_back(std::move(*port));
  }
  return set;
}

Result<Port> PortSet::survey(const PortConfig& wanted, std::uint16_t number, std::uint32_t frame_bytes,
                             const std::string& pins) {
  auto port = survey_port(wanted, number, frame_bytes);
  if (!port) return port;
  auto free = check_hook(pins, wanted.device, static_cast<int>(port->link.ifindex));
  if (!free) return pass_on(std::move(free.error()).in("port " + wanted.name));
  return port;
}

Status PortSet::open(PortOpener& opener, const TableImage& image) {
  for (Port& port : ports_) {
    const PortTrust trust{image.zone(port.config.zone), static_cast<std::uint8_t>(port.config.source_check)};
    if (auto prepared = opener.prepare(port, trust); !prepared)
      return pass_on(std::move(prepared.error()).in("port " + port.config.name));
  }
  for (Port& port : ports_)
    if (auto attached = opener.attach(port); !attached)
      return pass_on(std::move(attached.error()).in("port " + port.config.name));
  for (Port& port : ports_) opener.query_redirects(port);
  return {};
}

void PortSet::tell_hops(const Port& port, NextHopTable& hops) const {
  hops.set_port(port.number, {.mac = port.link.mac,
                              .mtu = static_cast<std::uint16_t>(port.link.mtu),
                              .vlan = 0,
                              .up = port.link.up(),
                              .takes_redirects = port.takes_redirects});
}

// An ingress slot keeps its ifindex when its port is removed: an empty slot would end the probe for the slots after it.
void PortSet::retire_others(Tables& tables, XdpHook& hook) {
  for (const std::string& device : hook.devices()) {
    if (std::ranges::none_of(ports_, [&](const Port& port) { return port.config.device == device; }))
      hook.detach(device);
  }
  TableMemory& memory = tables.memory();
  for (dp_ingress& slot : memory.ingress.values()) {
    if (slot.ifindex != 0 && number_of(slot.ifindex) != slot.port) std::atomic_ref(slot.port).store(0);
  }
  for (std::uint32_t number = 1; number < DP_PORTS_MAX; ++number) {
    if (memory.ports[number].flags == 0 ||
        std::ranges::any_of(ports_, [&](const Port& port) { return port.number == number; }))
      continue;
    memory.ports[number] = dp_port{};
    (void)map_remove(tables.maps().tx_ports, number, "tx_ports");
  }
}

void PortSet::follow(const netlink::Mirror& mirror, Tables& tables, NextHopTable& hops) {
  for (Port& port : ports_) {
    const auto found = mirror.links().find(port.link.ifindex);
    if (found == mirror.links().end())
      port.link.carrier = false;  // the device is gone: the port is down
    else
      port.link = found->second;
    dp_port& written = tables.memory().ports[port.number];
    std::memcpy(written.mac, port.link.mac.data(), sizeof(written.mac));
    written.mtu = static_cast<std::uint16_t>(port.link.mtu);
    written.flags = port_flags(port);
    tell_hops(port, hops);
  }
}

bool PortSet::set_redirects(std::uint32_t ifindex, bool takes, NextHopTable& hops, Engine& engine) {
  for (Port& port : ports_) {
    if (port.link.ifindex != ifindex || port.takes_redirects == takes) continue;
    port.takes_redirects = takes;
    engine.post(command::set_redirects(port.number, takes));
    tell_hops(port, hops);
    return true;
  }
  return false;
}

void PortSet::close(XdpHook& hook) {
  for (const Port& port : ports_) hook.detach(port.config.device);
}

std::uint16_t PortSet::number_of(std::uint32_t ifindex) const {
  const auto found =
      std::find_if(ports_.begin(), ports_.end(), [&](const Port& port) { return port.link.ifindex == ifindex; });
  return found == ports_.end() ? 0 : found->number;
}

}  // namespace twinpath
