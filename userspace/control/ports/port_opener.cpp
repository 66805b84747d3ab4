#include "control/ports/port_opener.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>

#include "common/wire/ethernet.h"

namespace twinpath {

void set_trust(Tables& tables, std::uint16_t number, const PortTrust& trust) {
  static_assert(offsetof(dp_port, source_check) == offsetof(dp_port, zone) + 1 && offsetof(dp_port, zone) % 2 == 0);
  auto& both = reinterpret_cast<std::uint16_t&>(tables.memory().ports[number].zone);
  std::atomic_ref(both).store(std::bit_cast<std::uint16_t>(trust), std::memory_order_seq_cst);
}

std::uint16_t port_flags(const Port& port) {
  std::uint16_t flags = DP_PORT_PRESENT;
  if (port.device.link.up()) flags |= DP_PORT_UP;
  if (port.config.workload) flags |= DP_PORT_WORKLOAD;
  if (port.config.ra == RouterAdvertisements::accept) flags |= DP_PORT_RA;
  if (!port.macs.empty()) flags |= DP_PORT_MACS;
  return flags;
}

void write_ethertypes(const Port& port, dp_port& out) {
  const std::vector<std::uint16_t>& types = port.config.pass_ethertypes;
  for (std::size_t i = 0; i < DP_PORT_ETHERTYPES_MAX; ++i)
    std::atomic_ref(out.pass_ethertypes[i])
        .store(i < types.size() ? types[i] : std::uint16_t{0}, std::memory_order_relaxed);
}

void write_macs(const Port& port, dp_port_macs& out) {
  for (std::size_t i = 0; i < DP_PORT_MACS_MAX; ++i)
    std::atomic_ref(out.mac[i])
        .store(i < port.macs.size() ? dp_mac_word(port.macs[i].data()) : 0, std::memory_order_relaxed);
}

Status PortOpener::open(Port& port, const PortTrust& trust) {
  if (auto prepared = prepare(port, trust); !prepared) return prepared;
  return attach(port);
}

Status PortOpener::prepare(Port& port, const PortTrust& trust) {
  if (auto prepared = devices_.prepare(port.device, port.config, port.sockets_wanted()); !prepared) return prepared;
  if (auto taken = take_router_role(port); !taken) return taken;
  write_port(port, trust);
  return devices_.enter(port.device, port.number);
}

Status PortOpener::take_router_role(Port& port) {
  auto changes = netlink::plan_router_role(port.config.device, port.device.link.ifindex,
                                           port.config.ra == RouterAdvertisements::accept);
  if (!changes) return pass_on(std::move(changes.error()));
  if (auto noted = note_sysctls_(*changes); !noted) return noted;
  std::vector<std::string>& problems = port.device.problems;
  for (const std::string& line : netlink::apply_sysctls(*changes))
    if (std::ranges::find(problems, line) == problems.end()) problems.push_back(line);
  return {};
}

void PortOpener::write_port(const Port& port, const PortTrust& trust) {
  dp_port out{};
  std::memcpy(out.mac, port.device.link.mac.data(), sizeof(out.mac));
  out.zone = trust.zone;
  out.source_check = trust.source_check;
  out.flags = port_flags(port);
  out.device = port.device.number;
  out.mtu = static_cast<std::uint16_t>(port.device.link.mtu);
  write_ethertypes(port, out);
  write_macs(port, tables_.memory().port_macs[port.number]);
  tables_.memory().ports[port.number] = out;
}

void PortOpener::close(const Port& port) {
  devices_.close(port.device, port.config);
  tables_.memory().ports[port.number] = dp_port{};
}

}  // namespace twinpath
