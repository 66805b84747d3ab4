#include "control/ports/port_set.hpp"

#include <algorithm>
#include <cstring>

#include "control/ports/ingress_slots.hpp"
#include "netlink/device.hpp"

namespace twinpath {
namespace {

// The bytes of a received frame besides the IP packet: the kernel's headroom, Ethernet, two VLAN tags.
constexpr std::uint32_t kFrameOverhead = afxdp::kFrameHeadroom + 14 + 2 * 4;

Result<Port> survey_port(const PortConfig& config, const TableImage& image, std::uint32_t frame_bytes) {
  Port port;
  port.number = image.port(config.name);
  port.device.number = image.device(config.device);
  port.config = config;
  auto link = netlink::find_device(config.device);
  if (!link && link.error().code == ENODEV) return refuse("port {}: there is no device {}", config.name, config.device);
  if (!link) return pass_on(std::move(link.error()).in("port " + config.name));
  port.device.link = std::move(*link);
  if (port.device.link.kind == "vlan")
    return refuse("port {}: {} is a VLAN device, which this version does not take as a port", config.name,
                  config.device);
  if (port.device.link.loopback) return refuse("port {}: {} is the loopback device", config.name, config.device);
  if (port.device.link.mtu > frame_bytes - kFrameOverhead)
    return refuse("port {}: MTU {} of {} does not fit a frame of {} bytes: {} at most, or engine.frame_bytes 4096",
                  config.name, port.device.link.mtu, config.device, frame_bytes, frame_bytes - kFrameOverhead);
  auto queues = netlink::count_rx_queues(port.device.link);
  if (!queues) return pass_on(std::move(queues.error()).in("port " + config.name));
  if (config.queues > *queues)
    return refuse("port {}: queues {} asked for, {} has {}", config.name, config.queues, config.device, *queues);
  port.device.queue_count = std::min<std::uint32_t>(*queues, DP_QUEUES_MAX);
  return port;
}

// A macvlan takes frames to an address of its own out of those that its device receives: what keepalived's use_vmac makes
// for a virtual router (RFC 5798).
bool is_macvlan_on(const netlink::Link& link, const netlink::Link& device) {
  return (link.kind == "macvlan" || link.kind == "macvtap") && link.parent_ifindex == device.ifindex;
}

std::vector<MacAddress> macs_of(const Port& port, const netlink::Mirror& mirror) {
  std::vector<MacAddress> macs = port.config.macs;
  for (const auto& [ifindex, link] : mirror.links())
    if (is_macvlan_on(link, port.device.link) && std::ranges::find(macs, link.mac) == macs.end())
      macs.push_back(link.mac);
  return macs;
}

}  // namespace

Result<PortSet> PortSet::survey(const Config& config, const TableImage& image, const std::string& pins) {
  std::vector<Port> ports;
  for (const PortConfig& wanted : config.ports) {
    auto port = survey(wanted, image, config.engine.frame_bytes, pins);
    if (!port) return pass_on(std::move(port.error()));
    ports.push_back(std::move(*port));
  }
  PortSet set;
  set.replace(std::move(ports));
  return set;
}

Result<Port> PortSet::survey(const PortConfig& wanted, const TableImage& image, std::uint32_t frame_bytes,
                             const std::string& pins) {
  auto port = survey_port(wanted, image, frame_bytes);
  if (!port) return port;
  auto free = check_hook(pins, wanted.device, static_cast<int>(port->device.link.ifindex));
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
  hops.set_port(port.number, {.device = port.device.number,
                              .mac = port.device.link.mac,
                              .mtu = static_cast<std::uint16_t>(port.device.link.mtu),
                              .vlan = 0,
                              .up = port.device.link.up(),
                              .takes_redirects = port.device.takes_redirects});
}

void PortSet::retire_others(Tables& tables, XdpHook& hook) {
  for (const std::string& device : hook.devices()) {
    if (std::ranges::none_of(ports_, [&](const Port& port) { return port.config.device == device; }))
      hook.detach(device);
  }
  TableMemory& memory = tables.memory();
  for (dp_ingress& slot : memory.ingress.values())
    if (slot.device != 0 && number_of(slot.ifindex) != slot.port) leave_ingress(slot);
  std::vector<bool> kept(DP_DEVICES_MAX);
  for (const Port& port : ports_) kept[port.device.number] = true;
  for (std::uint32_t number = 1; number < DP_DEVICES_MAX; ++number) {
    if (kept[number] || memory.devices[number].flags == 0) continue;
    memory.devices[number] = dp_device{};
    (void)map_remove(tables.maps().tx_devices, number, "tx_devices");
  }
  for (std::uint32_t number = 1; number < DP_PORTS_MAX; ++number)
    if (memory.ports[number].flags != 0 && !ifindexes_.contains(static_cast<std::uint16_t>(number)))
      memory.ports[number] = dp_port{};
}

void PortSet::follow(const netlink::Mirror& mirror, Tables& tables, NextHopTable& hops) {
  for (Port& port : ports_) {
    const auto found = mirror.links().find(port.device.link.ifindex);
    if (found == mirror.links().end())
      port.device.link.carrier = false;  // the device is gone: the port is down
    else
      port.device.link = found->second;
    dp_port& written = tables.memory().ports[port.number];
    std::memcpy(written.mac, port.device.link.mac.data(), sizeof(written.mac));
    written.mtu = static_cast<std::uint16_t>(port.device.link.mtu);
    port.macs = macs_of(port, mirror);
    write_macs(port, tables.memory().port_macs[port.number]);
    write_ethertypes(port, written);
    written.flags = port_flags(port);
    tell_hops(port, hops);
  }
}

bool PortSet::set_redirects(std::uint32_t ifindex, bool takes, NextHopTable& hops, Engine& engine) {
  for (Port& port : ports_) {
    if (port.device.link.ifindex != ifindex || port.device.takes_redirects == takes) continue;
    port.device.takes_redirects = takes;
    engine.post(command::set_redirects(port.device.number, takes));
    tell_hops(port, hops);
    return true;
  }
  return false;
}

void PortSet::close(XdpHook& hook) {
  for (const Port& port : ports_) hook.detach(port.config.device);
}

void PortSet::replace(std::vector<Port> ports) {
  ports_ = std::move(ports);
  numbers_.clear();
  ifindexes_.clear();
  for (const Port& port : ports_) {
    numbers_[port.device.link.ifindex] = port.number;
    ifindexes_[port.number] = port.device.link.ifindex;
  }
}

std::uint16_t PortSet::number_of(std::uint32_t ifindex) const {
  const auto found = numbers_.find(ifindex);
  return found == numbers_.end() ? 0 : found->second;
}

std::uint32_t PortSet::ifindex_of(std::uint16_t number) const {
  const auto found = ifindexes_.find(number);
  return found == ifindexes_.end() ? 0 : found->second;
}

}  // namespace twinpath
