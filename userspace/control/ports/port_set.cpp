#include "control/ports/port_set.hpp"

#include <algorithm>
#include <cstring>

#include "control/ports/ingress_slots.hpp"
#include "netlink/device.hpp"

namespace twinpath {
namespace {

Result<Port> survey_port(const PortConfig& config, const TableImage& image, const DeviceLimits& limits,
                         const Links& links) {
  auto device = survey_device(config, limits, links);
  if (!device) return pass_on(std::move(device.error()).in("port " + config.name));
  Port port{.number = image.port(config.name), .config = config, .macs = {}, .device = std::move(*device)};
  port.device.number = image.device(config.device);
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
  const DeviceLimits limits{config.engine.frame_bytes, pins};
  auto links = netlink::list_devices();
  if (!links) return pass_on(std::move(links.error()));
  std::vector<Port> ports;
  for (const PortConfig& wanted : config.ports) {
    auto port = survey_port(wanted, image, limits, *links);
    if (!port) return pass_on(std::move(port.error()));
    ports.push_back(std::move(*port));
  }
  PortSet set;
  set.frame_bytes_ = limits.frame_bytes;
  set.replace(std::move(ports));
  return set;
}

Result<Port> PortSet::survey(const PortConfig& wanted, const TableImage& image, const DeviceLimits& limits) {
  auto links = netlink::list_devices();
  if (!links) return pass_on(std::move(links.error()));
  return survey_port(wanted, image, limits, *links);
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
  const DeviceJudge judge{mirror.links()};
  for (Port& port : ports_) {
    const auto found = mirror.links().find(port.device.link.ifindex);
    if (found == mirror.links().end()) {
      port.device.link.carrier = false;  // the device is gone: the port is down
    } else {
      port.device.link = found->second;
      port.device.conflicts = find_conflicts(port.device, judge, frame_bytes_);
    }
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
    ifindexes_[port.number] = port.device.link.ifindex;
    if (port.device.link.ifindex != 0) numbers_[port.device.link.ifindex] = port.number;
  }
}

void PortSet::set_device(std::uint16_t number, Device device) {
  std::vector<Port> ports = std::move(ports_);
  std::ranges::find(ports, number, &Port::number)->device = std::move(device);
  replace(std::move(ports));
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
