#include "control/ports/port_changer.hpp"

#include <algorithm>
#include <set>

#include "kernel/port_counters.hpp"

namespace twinpath {

PortChanger::PortChanger(const Parts& parts, DeviceOpener::CallEngine call_engine,
                         std::function<void(const std::string&)> complain)
    : parts_(parts),
      opener_(
          parts.tables, parts.hook, std::move(call_engine), [this](const auto& changes) { return note(changes); },
          [this](const auto& changes) { return note_sysctls(changes); }),
      complain_(std::move(complain)) {}

Status PortChanger::note(const std::vector<netlink::OffloadChange>& changes) {
  std::vector<netlink::OffloadChange>& all = parts_.journal.offloads;
  all.insert(all.end(), changes.begin(), changes.end());
  return save_journal(parts_.journal);
}

Status PortChanger::note_sysctls(const std::vector<netlink::SysctlChange>& changes) {
  if (changes.empty()) return {};
  std::vector<netlink::SysctlChange>& all = parts_.journal.sysctls;
  all.insert(all.end(), changes.begin(), changes.end());
  return save_journal(parts_.journal);
}

void PortChanger::save() {
  if (auto saved = save_journal(parts_.journal); !saved) complain_(saved.error().text);
}

tl::expected<void, Fault> PortChanger::open(ReloadPlan& plan, const NumberAllocation& running) {
  if (plan.added.empty()) return {};
  zero_counters(fresh_ports(plan.ports, plan.next, running));
  for (const Port& port : plan.added) note_neighbours(port);
  for (std::size_t i = 0; i < plan.added.size(); ++i) {
    auto opened = opener_.open(plan.added[i], kNoZone);
    if (opened) continue;
    Fault fault{element_path("ports", plan.ports.added[i]),
                fmt::format("port {}: {}", plan.added[i].config.name, opened.error().text)};
    plan.added.resize(i + 1);  // the ports after it were not opened
    undo_open(plan);
    return tl::unexpected(std::move(fault));
  }
  for (Port& port : plan.added) opener_.query_redirects(port);
  return {};
}

void PortChanger::undo_open(const ReloadPlan& plan) {
  for (auto port = plan.added.rbegin(); port != plan.added.rend(); ++port) close(*port);
}

std::vector<Port> PortChanger::after(const ReloadPlan& plan) const {
  std::vector<Port> ports(plan.next.ports.size());
  for (std::size_t i = 0; i < plan.added.size(); ++i) ports[plan.ports.added[i]] = plan.added[i];
  for (const PortPlan::Kept& kept : plan.ports.kept) {
    const PortConfig& wanted = plan.next.ports[kept.after];
    const auto same = [&](const Port& port) { return port.config.device == wanted.device; };
    ports[kept.after] = *std::ranges::find_if(parts_.ports.ports(), same);
    ports[kept.after].config = wanted;
  }
  return ports;
}

void PortChanger::restrict_trust(const TableImage& image) {
  const std::span<const dp_port> written = parts_.tables.memory().ports.values();
  for (std::uint16_t number = 1; number < DP_PORTS_MAX; ++number) {
    const dp_port& port = written[number];
    if (port.flags == 0) continue;
    const auto next = std::ranges::find(parts_.ports.ports(), number, &Port::number);
    if (next == parts_.ports.ports().end() || image.zone(next->config.zone) != port.zone) {
      set_trust(parts_.tables, number, kNoZone);
      continue;
    }
    const auto check = std::max(port.source_check, static_cast<std::uint8_t>(next->config.source_check));
    set_trust(parts_.tables, number, {port.zone, check});
  }
}

void PortChanger::apply_trust(const TableImage& image) {
  for (const Port& port : parts_.ports.ports())
    set_trust(parts_.tables, port.number,
              {image.zone(port.config.zone), static_cast<std::uint8_t>(port.config.source_check)});
}

void PortChanger::take_router_roles() {
  for (Port& port : parts_.ports.all()) {
    if (!port.device.present()) continue;  // done when it has a device again
    if (auto taken = opener_.take_router_role(port); !taken) complain_(taken.error().text);
  }
}

void PortChanger::close(const Port& port) {
  opener_.close(port);
  leave(port);
}

void PortChanger::lose_device(const Port& port) {
  opener_.close_device(port);
  leave(port);
}

Status PortChanger::gain_device(Port& port, const TableImage& image) {
  const PortTrust trust{image.zone(port.config.zone), static_cast<std::uint8_t>(port.config.source_check)};
  note_neighbours(port);
  auto opened = opener_.open(port, trust);
  if (opened)
    opener_.query_redirects(port);
  else
    lose_device(port);
  return opened;
}

void PortChanger::leave(const Port& port) {
  parts_.follower.forget_port(port);
  // The engine drops held packets of this port before the number can be assigned to another port.
  parts_.engine.post(command::forget_port(port.number));
  put_neighbours_back(port.config.device);
  restore(port.config.device);
}

void PortChanger::note_neighbours(const Port& port) {
  std::vector<netlink::FoundNeighbours>& all = parts_.journal.neighbours;
  const std::string& device = port.config.device;
  const std::uint32_t ifindex = port.device.link.ifindex;
  const auto known = std::ranges::find(all, device, &netlink::FoundNeighbours::device);
  if (known != all.end() && known->ifindex == ifindex) return parts_.follower.leave_to_others(*known);
  if (known != all.end()) all.erase(known);
  all.push_back(netlink::find_neighbours(device, ifindex, parts_.follower.mirror().neighbours()));
  parts_.follower.leave_to_others(all.back());
  save();
}

void PortChanger::put_neighbours_back(const std::string& device) {
  std::vector<netlink::FoundNeighbours>& all = parts_.journal.neighbours;
  const auto found = std::ranges::find(all, device, &netlink::FoundNeighbours::device);
  if (found == all.end()) return;
  if (auto restored = netlink::put_neighbours_back({*found}); !restored) return complain_(restored.error().text);
  all.erase(found);
}

// When the daemon is killed before the journal is saved, the next one restores the same offloads again: a no-op.
void PortChanger::restore(const std::string& device) {
  std::vector<netlink::KeptDevice> kept;
  const auto netns = netlink::own_netns();
  for (const Port& port : parts_.ports.ports())
    if (netns && port.config.device != device) kept.push_back({port.config.device, port.device.link.ifindex, *netns});
  const auto changes = netlink::take_changes_for(parts_.journal.offloads, device, kept);
  if (auto restored = netlink::restore_offloads(changes); !restored) {
    complain_(restored.error().text);
    parts_.journal.offloads.insert(parts_.journal.offloads.end(), changes.begin(),
                                   changes.end());  // `down` tries again
  }
  const auto sysctls = netlink::take_sysctls_of(parts_.journal.sysctls, device);
  if (auto restored = netlink::restore_sysctls(sysctls); !restored) {
    complain_(restored.error().text);
    parts_.journal.sysctls.insert(parts_.journal.sysctls.end(), sysctls.begin(), sysctls.end());
  }
  save();
}

void PortChanger::restore_others() {
  std::set<std::string> devices;
  for (const netlink::OffloadChange& change : parts_.journal.offloads) devices.insert(change.done_for);
  for (const netlink::SysctlChange& change : parts_.journal.sysctls) devices.insert(change.device);
  for (const Port& port : parts_.ports.ports()) devices.erase(port.config.device);
  devices.erase("");  // saved by a version that had no `done_for`
  for (const std::string& device : devices) restore(device);
}

// The engine executes commands in the order of their posting, so the counters are zero before the port's first packet.
void PortChanger::zero_counters(const std::vector<std::uint16_t>& numbers) {
  for (const std::uint16_t number : numbers) {
    if (auto cleared = clear_port_counters(parts_.tables.maps().port_counters, number); !cleared)
      complain_(fmt::format("the counters of port number {}: {}", number, cleared.error().text));
    parts_.engine.post(command::clear_port(number));
  }
}

}  // namespace twinpath
