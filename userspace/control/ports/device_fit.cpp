#include "control/ports/device_fit.hpp"

#include <fmt/format.h>
#include <linux/if_arp.h>

#include <algorithm>

namespace twinpath {
namespace {

using netlink::Link;

// What a port does with the frames of these devices above it.
struct Starving {
  std::vector<std::string_view> kinds;
  std::string_view why;
};
const Starving kStarving[] = {
    {{"vlan"}, "the port drops tagged frames (unknown_vlan); put VLANs on a device that is no port"},
    {{"ipvlan", "ipvtap"}, "to the port their addresses are not the host's; use a veth and a route instead"},
    {{"macsec"}, "the port drops MACsec frames (unknown_ethertype) unless its pass_ethertypes has \"macsec\""},
};

// As `ip link` prints them behind "link/".
std::string hardware_name(std::uint16_t hardware) {
  switch (hardware) {
    case ARPHRD_NONE: return "none";
    case ARPHRD_PPP: return "ppp";
    case ARPHRD_TUNNEL: return "ipip";
    case ARPHRD_TUNNEL6: return "tunnel6";
    case ARPHRD_SIT: return "sit";
    case ARPHRD_IPGRE: return "gre";
    case ARPHRD_IP6GRE: return "gre6";
    case ARPHRD_INFINIBAND: return "infiniband";
    case ARPHRD_IEEE80211_RADIOTAP: return "ieee802.11/radiotap";
    default: return fmt::format("[{}]", hardware);
  }
}

std::string refuse_type(const Link& link) {
  if (link.loopback) return fmt::format("{} is the loopback device", link.name);
  if (link.hardware != ARPHRD_ETHER)
    return fmt::format(
        "{} carries no Ethernet (link/{}{}{}), and a port must: put {} into a network namespace of its own, and make "
        "the near end of a veth into that namespace the port",
        link.name, hardware_name(link.hardware), link.kind.empty() ? "" : ", ", link.kind, link.name);
  if (link.kind == "vlan")
    return fmt::format("{} is a VLAN device, which this version does not take as a port", link.name);
  return {};
}

}  // namespace

DeviceJudge::DeviceJudge(const std::map<std::uint32_t, Link>& links) : links_(links) {
  for (const auto& [ifindex, link] : links)
    if (link.parent_ifindex != 0) above_.emplace(link.parent_ifindex, &link);
}

// Tunnels also name the device below, but theirs are packets to the host's own address, which pass.
std::string DeviceJudge::names_above(const Link& link, const std::vector<std::string_view>& kinds) const {
  std::string names;
  const auto [first, last] = above_.equal_range(link.ifindex);
  for (auto other = first; other != last; ++other)
    if (std::ranges::find(kinds, other->second->kind) != kinds.end())
      names += (names.empty() ? "" : ", ") + other->second->name;
  return names;
}

// A VRF only chooses routing tables; every other master takes the frames of its members.
std::string DeviceJudge::refuse_master(const Link& link) const {
  if (link.master_ifindex == 0) return {};
  const auto found = links_.find(link.master_ifindex);
  if (found == links_.end())
    return fmt::format(
        "{} is a member of device number {}, which would get none of its frames: ip link set {} nomaster", link.name,
        link.master_ifindex, link.name);
  const Link& master = found->second;
  if (master.kind == "vrf") return {};
  if (master.kind == "openvswitch")
    return fmt::format(
        "{} is a port of an Open vSwitch bridge, which would get none of its frames: ovs-vsctl del-port {}", link.name,
        link.name);
  const bool aggregate = master.kind == "bond" || master.kind == "team";
  return fmt::format("{} is a member of the {} {}, which would get none of its frames: {}ip link set {} nomaster",
                     link.name, master.kind.empty() ? "device" : master.kind, master.name,
                     aggregate ? fmt::format("make {} the port, or ", master.name) : "", link.name);
}

std::string DeviceJudge::refuse_conduit(const Link& link) const {
  const std::string names = names_above(link, {"dsa"});
  if (names.empty()) return {};
  return fmt::format("{} carries the frames of the switch ports {}, which would get none: make those the ports",
                     link.name, names);
}

DeviceFit DeviceJudge::judge(const Link& link) const {
  DeviceFit fit;
  for (const std::string& refusal : {refuse_type(link), refuse_master(link), refuse_conduit(link)})
    if (fit.refusal.empty()) fit.refusal = refusal;
  for (const auto& [kinds, why] : kStarving)
    if (const std::string names = names_above(link, kinds); !names.empty())
      fit.warnings.push_back(fmt::format("no frames reach {} on {}: {}", names, link.name, why));
  return fit;
}

}  // namespace twinpath
