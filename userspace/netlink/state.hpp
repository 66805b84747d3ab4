// state.hpp - what Linux says about links, addresses, routes and neighbours, as plain values.
//
// Addresses  dp_address: network order, IPv4 in word[0]; the family stands beside it.
// Source     rtnetlink(7), include/uapi/linux/{if_link,if_addr,rtnetlink,neighbour,nexthop}.h.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/prefix.hpp"

namespace twinpath::netlink {

using twinpath::IpAddress;
using twinpath::make_prefix;
using twinpath::parse_address;
using twinpath::Prefix;
using twinpath::to_string;

using Mac = std::array<std::uint8_t, 6>;

struct Link {
  std::uint32_t ifindex = 0;
  std::string name;
  std::vector<std::string> other_names;  // alternative ones (`ip link property add dev DEVICE altname NAME`)
  Mac mac{};
  std::uint32_t mtu = 0;
  bool admin_up = false;  // the operator wants it up
  bool carrier = false;   // the lower layer has a signal
  bool loopback = false;
  std::uint16_t hardware = 0;  // ARPHRD_*: 1 is Ethernet
  bool promiscuous = false;
  std::string kind;                  // "veth", "vlan", "bond", "bridge", ...; empty for a NIC
  std::uint32_t parent_ifindex = 0;  // VLAN, macvlan: the device below; 0 for none, or one of another namespace
  std::uint32_t master_ifindex = 0;  // bridge, bond or VRF that this link is a member of; 0 for none
  std::uint16_t vlan_id = 0;         // 0 unless kind is "vlan"
  std::uint16_t vlan_protocol = 0;   // host order: 0x8100 or 0x88a8
  std::uint32_t vrf_table = 0;       // kind "vrf": the routing table of the devices that have it as master
  std::uint32_t peer_ifindex = 0;    // veth: the other end, an ifindex of ITS namespace
  std::int32_t peer_netnsid = -1;    // veth: this namespace's id for the peer's; -1 when it is the same one
  std::uint32_t rx_queues = 0;       // allocated, not necessarily in use: ask channels() for those
  std::uint32_t tx_queues = 0;

  [[nodiscard]] bool up() const { return admin_up && carrier; }
  bool operator==(const Link&) const = default;
};

struct Address {
  std::uint32_t ifindex = 0;
  IpAddress address;
  std::uint8_t prefix_bits = 0;
  IpAddress peer;           // point to point: the other side; else equal to address
  std::uint8_t scope = 0;   // RT_SCOPE_*
  std::uint32_t flags = 0;  // IFA_F_*: secondary, tentative, dadfailed, deprecated, ...
  std::int64_t order = 0;   // Linux's, among the addresses of a device and family: the lowest comes first

  // False while duplicate address detection runs or after it failed: the host must not answer for the address.
  [[nodiscard]] bool usable() const;
  bool operator==(const Address&) const = default;
};

enum class RouteKind : std::uint8_t {
  unicast,
  local,
  broadcast,
  anycast,
  multicast,
  blackhole,
  unreachable,
  prohibit,
  throw_,
  other,  // kinds that Linux knows and does not forward by
};

// One next hop of a route. Without a gateway the destination itself is the neighbour.
struct Path {
  IpAddress gateway;  // family NONE: on link. May be IPv6 in an IPv4 route (RFC 8950: "via inet6")
  std::uint32_t ifindex = 0;
  std::uint32_t weight = 1;   // share of the flows, 1..65536
  bool onlink = false;        // the gateway is reachable though no prefix of the device covers it
  bool dead = false;          // Linux does not use it: device down
  bool linkdown = false;      // no carrier; Linux still uses it unless ignore_routes_with_linkdown is set
  bool encapsulated = false;  // a lightweight tunnel (MPLS, SRv6, ip) wraps the packet: not for plain forwarding

  bool operator==(const Path&) const = default;
  // The same next hop, whatever its present state and share.
  [[nodiscard]] bool same_next_hop(const Path& other) const {
    return gateway == other.gateway && ifindex == other.ifindex && encapsulated == other.encapsulated;
  }
};

struct Route {
  Prefix prefix;
  Prefix from;  // IPv6: only for packets with a source in this prefix; bits 0: for all
  RouteKind kind = RouteKind::unicast;
  std::uint32_t table = 0;       // RT_TABLE_MAIN (254), RT_TABLE_LOCAL (255), or any other number
  std::uint32_t metric = 0;      // lower wins
  std::uint8_t tos = 0;          // not zero: only for packets with that type of service
  std::uint8_t protocol = 0;     // RTPROT_*: who installed it
  std::uint8_t scope = 0;        // RT_SCOPE_*
  std::uint32_t nexthop_id = 0;  // nexthop object that supplies the paths; 0 for none
  std::uint32_t mtu = 0;         // of the route, bytes; 0 when it names none
  bool mtu_locked = false;       // "mtu lock": senders on the host learn no other
  int preference = 0;            // IPv6, of a router (RFC 4191): -1 low, 0 medium, 1 high
  IpAddress source;              // preferred source address; family NONE when it names none
  std::vector<Path> paths;       // empty for kinds that go nowhere (blackhole, unreachable, prohibit, throw)

  bool operator==(const Route&) const = default;
};

// A nexthop object (`ip nexthop`): one path, a blackhole, or a group of other nexthops.
struct Nexthop {
  struct Member {
    std::uint32_t id = 0;
    std::uint32_t weight = 1;
    bool operator==(const Member&) const = default;
  };

  std::uint32_t id = 0;
  bool blackhole = false;
  Path path;                    // weight unused; meaningless for a group or blackhole
  std::vector<Member> members;  // not empty: a group

  bool operator==(const Nexthop&) const = default;
};

// What a rule that matches does (FR_ACT_*).
enum class RuleAction : std::uint8_t { table, jump, nop, blackhole, unreachable, prohibit, other };

// A rule of policy routing (`ip rule`). What it leaves open matches every packet.
struct RouteRule {
  struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;  // 0: any port
    bool operator==(const PortRange&) const = default;
  };

  std::uint8_t family = DP_FAMILY_NONE;
  std::uint32_t priority = 0;  // lower is asked first; equals in the order of the list
  RuleAction action = RuleAction::other;
  std::uint32_t table = 0;        // of RuleAction::table
  std::uint32_t jump_to = 0;      // priority, of RuleAction::jump
  int suppressed_bits = -1;       // a route of at most so many bits does not count; -1: each counts
  bool suppresses_group = false;  // a route over a device of some group does not count
  bool invert = false;            // the rule is for the packets that do not match
  bool l3mdev = false;            // the table is that of the VRF that the ingress device belongs to
  Prefix source;
  Prefix destination;
  std::string iif;  // name of the ingress device
  std::string oif;  // name of the device that a socket of the host is bound to
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;
  std::uint8_t tos = 0;
  std::uint64_t tunnel_id = 0;
  std::uint32_t first_uid = 0;
  std::uint32_t last_uid = UINT32_MAX;
  std::uint8_t protocol = 0;
  PortRange source_ports;
  PortRange destination_ports;

  bool operator==(const RouteRule&) const = default;
};

enum class NeighbourState : std::uint8_t {
  none,
  incomplete,
  reachable,
  stale,
  delay,
  probe,
  failed,
  noarp,
  permanent,
};

struct NeighbourKey {
  std::uint32_t ifindex = 0;
  IpAddress address;

  auto operator<=>(const NeighbourKey&) const = default;
};

struct Neighbour {
  NeighbourKey key;
  Mac mac{};
  bool has_mac = false;
  NeighbourState state = NeighbourState::none;
  bool managed = false;   // the kernel keeps it fresh (NTF_EXT_MANAGED)
  bool external = false;  // a control plane supplied it (NTF_EXT_LEARNED, as EVPN does)
  bool router = false;    // IPv6: it calls itself a router

  // The MAC may be used: valid though perhaps not freshly confirmed (NUD_VALID of the kernel).
  [[nodiscard]] bool usable() const;
  // Somebody else answers for this entry. Asking Linux to resolve it would destroy it: NTF_USE and NTF_EXT_MANAGED
  // clear the permanent state and the external mark (net/core/neighbour.c, __neigh_update).
  [[nodiscard]] bool fixed() const;
  bool operator==(const Neighbour&) const = default;
};

[[nodiscard]] std::string_view name_of(RouteKind kind);
[[nodiscard]] std::string_view name_of(NeighbourState state);

}  // namespace twinpath::netlink
