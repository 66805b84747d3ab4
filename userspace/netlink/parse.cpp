#include "netlink/parse.hpp"

#include <linux/fib_rules.h>
#include <linux/icmpv6.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace twinpath::netlink {
namespace {

// The attributes of one message or nest, by type.
template <int Max>
class Attributes {
 public:
  // Attributes behind a header of `header_bytes`; `valid` tells whether the message holds that header.
  Attributes(const nlmsghdr& message, int header_bytes) {
    valid_ = nlmsg_parse(const_cast<nlmsghdr*>(&message), header_bytes, table_, Max, nullptr) >= 0;
  }
  explicit Attributes(const nlattr* nest) {
    valid_ = nest != nullptr && nla_parse_nested(table_, Max, const_cast<nlattr*>(nest), nullptr) >= 0;
  }
  Attributes(nlattr* first, int bytes) { valid_ = nla_parse(table_, Max, first, bytes, nullptr) >= 0; }

  [[nodiscard]] bool valid() const { return valid_; }
  // Attributes that are absent, or shorter than what is asked for, are nullptr or the default.
  [[nodiscard]] const nlattr* get(int type, std::size_t bytes = 0) const {
    const nlattr* found = table_[type];
    return found != nullptr && static_cast<std::size_t>(nla_len(found)) >= bytes ? found : nullptr;
  }
  template <class T>
  [[nodiscard]] T number(int type, T otherwise = {}) const {
    const nlattr* found = get(type, sizeof(T));
    if (found != nullptr) std::memcpy(&otherwise, nla_data(found), sizeof(T));
    return otherwise;
  }

 private:
  nlattr* table_[Max + 1] = {};
  bool valid_ = false;
};

std::uint8_t family_of(int family) {
  if (family == AF_INET) return DP_FAMILY_V4;
  return family == AF_INET6 ? DP_FAMILY_V6 : DP_FAMILY_NONE;
}

std::size_t bytes_of(std::uint8_t family) { return family == DP_FAMILY_V4 ? 4 : 16; }

IpAddress ip_address(std::uint8_t family, const nlattr* attribute) {
  IpAddress address;
  if (family == DP_FAMILY_NONE || attribute == nullptr) return address;
  if (static_cast<std::size_t>(nla_len(attribute)) < bytes_of(family)) return address;
  address.family = family;
  std::memcpy(&address.address, nla_data(attribute), bytes_of(family));
  return address;
}

// False when the length is none of the family's: nothing may be indexed by it.
bool read_prefix(std::uint8_t family, const nlattr* attribute, std::uint8_t bits, Prefix& prefix) {
  if (bits > bytes_of(family) * 8) return false;
  IpAddress base = ip_address(family, attribute);
  base.family = family;
  prefix = make_prefix(base, bits);
  return true;
}

bool read_mac(const nlattr* attribute, Mac& mac) {
  if (attribute == nullptr || static_cast<std::size_t>(nla_len(attribute)) != mac.size()) return false;
  std::memcpy(mac.data(), nla_data(attribute), mac.size());
  return true;
}

std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const char* text = static_cast<const char*>(nla_data(attribute));
  return {text, ::strnlen(text, static_cast<std::size_t>(nla_len(attribute)))};
}

void read_other_names(const nlattr* properties, Link& link) {
  if (properties == nullptr) return;
  int left = 0;
  nlattr* property = nullptr;
  nla_for_each_nested(property, const_cast<nlattr*>(properties), left) {
    if (nla_type(property) == IFLA_ALT_IFNAME) link.other_names.push_back(text_of(property));
  }
}

template <int Max>
void read_kind(const Attributes<Max>& links, Link& link) {
  Attributes<IFLA_INFO_MAX> info{links.get(IFLA_LINKINFO)};
  if (!info.valid()) return;
  link.kind = text_of(info.get(IFLA_INFO_KIND));
  if (link.kind == "vrf") {
    Attributes<IFLA_VRF_MAX> vrf{info.get(IFLA_INFO_DATA)};
    link.vrf_table = vrf.template number<std::uint32_t>(IFLA_VRF_TABLE);
  }
  if (link.kind != "vlan") return;
  Attributes<IFLA_VLAN_MAX> vlan{info.get(IFLA_INFO_DATA)};
  link.vlan_id = vlan.template number<std::uint16_t>(IFLA_VLAN_ID);
  link.vlan_protocol = ntohs(vlan.template number<std::uint16_t>(IFLA_VLAN_PROTOCOL, htons(0x8100)));
}

RouteKind kind_of(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST: return RouteKind::unicast;
    case RTN_LOCAL: return RouteKind::local;
    case RTN_BROADCAST: return RouteKind::broadcast;
    case RTN_ANYCAST: return RouteKind::anycast;
    case RTN_MULTICAST: return RouteKind::multicast;
    case RTN_BLACKHOLE: return RouteKind::blackhole;
    case RTN_UNREACHABLE: return RouteKind::unreachable;
    case RTN_PROHIBIT: return RouteKind::prohibit;
    case RTN_THROW: return RouteKind::throw_;
    default: return RouteKind::other;
  }
}

// IPv6 gives its reject routes the device lo; no packet ever leaves by it.
bool goes_nowhere(RouteKind kind) {
  return kind == RouteKind::blackhole || kind == RouteKind::unreachable || kind == RouteKind::prohibit ||
         kind == RouteKind::throw_;
}

void read_flags(std::uint32_t flags, Path& path) {
  path.onlink = (flags & RTNH_F_ONLINK) != 0;
  path.dead = (flags & RTNH_F_DEAD) != 0;
  path.linkdown = (flags & RTNH_F_LINKDOWN) != 0;
}

// RTA_GATEWAY is of the route's family, RTA_VIA names its own (struct rtvia).
template <int Max>
IpAddress gateway_of(std::uint8_t family, const Attributes<Max>& attributes) {
  const nlattr* via = attributes.get(RTA_VIA, sizeof(rtvia));
  if (via == nullptr) return ip_address(family, attributes.get(RTA_GATEWAY));
  const auto* value = static_cast<const rtvia*>(nla_data(via));
  IpAddress gateway;
  std::uint8_t via_family = family_of(value->rtvia_family);
  std::size_t bytes = bytes_of(via_family);
  if (via_family == DP_FAMILY_NONE || static_cast<std::size_t>(nla_len(via)) < sizeof(rtvia) + bytes) return gateway;
  gateway.family = via_family;
  std::memcpy(&gateway.address, value->rtvia_addr, bytes);
  return gateway;
}

std::vector<Path> read_multipath(std::uint8_t family, const nlattr* attribute) {
  std::vector<Path> paths;
  auto* hop = static_cast<rtnexthop*>(nla_data(attribute));
  int left = nla_len(attribute);
  while (left >= static_cast<int>(sizeof *hop) && hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= left) {
    Attributes<RTA_MAX> own{reinterpret_cast<nlattr*>(RTNH_DATA(hop)), hop->rtnh_len - static_cast<int>(sizeof *hop)};
    Path path{gateway_of(family, own), static_cast<std::uint32_t>(hop->rtnh_ifindex), hop->rtnh_hops + 1u};
    read_flags(hop->rtnh_flags, path);
    path.encapsulated = own.get(RTA_ENCAP) != nullptr;
    paths.push_back(path);
    left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
    hop = RTNH_NEXT(hop);
  }
  return paths;
}

template <int Max>
std::vector<Path> read_paths(const rtmsg& head, std::uint8_t family, const Attributes<Max>& attributes) {
  if (const nlattr* several = attributes.get(RTA_MULTIPATH)) return read_multipath(family, several);
  Path path{gateway_of(family, attributes), attributes.template number<std::uint32_t>(RTA_OIF)};
  if (path.ifindex == 0 && path.gateway.family == DP_FAMILY_NONE) return {};
  read_flags(head.rtm_flags, path);
  path.encapsulated = attributes.get(RTA_ENCAP) != nullptr;
  return {path};
}

// Linux 6.13 put the weight's high byte into what was reserved (and zero) before; older headers do not name it.
std::uint32_t weight_of(const nexthop_grp& member) {
  const auto* byte = &member.weight;
  return static_cast<std::uint32_t>(byte[0] | byte[1] << 8) + 1u;
}

NeighbourState state_of(std::uint16_t state) {
  switch (state) {
    case NUD_INCOMPLETE: return NeighbourState::incomplete;
    case NUD_REACHABLE: return NeighbourState::reachable;
    case NUD_STALE: return NeighbourState::stale;
    case NUD_DELAY: return NeighbourState::delay;
    case NUD_PROBE: return NeighbourState::probe;
    case NUD_FAILED: return NeighbourState::failed;
    case NUD_NOARP: return NeighbourState::noarp;
    case NUD_PERMANENT: return NeighbourState::permanent;
    default: return NeighbourState::none;
  }
}

bool is_multicast(const IpAddress& ip) {
  const auto* byte = reinterpret_cast<const std::uint8_t*>(&ip.address);
  return ip.family == DP_FAMILY_V4 ? (byte[0] & 0xf0) == 0xe0 : byte[0] == 0xff;
}

RuleAction rule_action_of(std::uint8_t action) {
  switch (action) {
    case FR_ACT_TO_TBL: return RuleAction::table;
    case FR_ACT_GOTO: return RuleAction::jump;
    case FR_ACT_NOP: return RuleAction::nop;
    case FR_ACT_BLACKHOLE: return RuleAction::blackhole;
    case FR_ACT_UNREACHABLE: return RuleAction::unreachable;
    case FR_ACT_PROHIBIT: return RuleAction::prohibit;
    default: return RuleAction::other;
  }
}

// ICMPV6_ROUTER_PREF_* (include/uapi/linux/icmpv6.h): the two bits of a router advertisement.
int preference_of(std::uint8_t preference) {
  if (preference == ICMPV6_ROUTER_PREF_HIGH) return 1;
  return preference == ICMPV6_ROUTER_PREF_LOW ? -1 : 0;
}

RouteRule::PortRange port_range(const fib_rule_port_range& range) { return {range.start, range.end}; }

template <class Header>
const Header& head_of(const nlmsghdr& message) {
  return *static_cast<const Header*>(nlmsg_data(&message));
}

}  // namespace

std::optional<Link> parse_link(const nlmsghdr& message) {
  Attributes<IFLA_MAX> attributes{message, sizeof(ifinfomsg)};
  if (!attributes.valid()) return {};
  const auto& head = head_of<ifinfomsg>(message);
  if (head.ifi_family != AF_UNSPEC) return {};
  Link link;
  link.ifindex = static_cast<std::uint32_t>(head.ifi_index);
  link.name = text_of(attributes.get(IFLA_IFNAME));
  read_other_names(attributes.get(IFLA_PROP_LIST), link);
  read_mac(attributes.get(IFLA_ADDRESS), link.mac);
  link.mtu = attributes.number<std::uint32_t>(IFLA_MTU);
  link.admin_up = (head.ifi_flags & IFF_UP) != 0;
  link.carrier = (head.ifi_flags & IFF_LOWER_UP) != 0;
  link.loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
  link.hardware = head.ifi_type;
  link.promiscuous = attributes.number<std::uint32_t>(IFLA_PROMISCUITY) != 0 || (head.ifi_flags & IFF_PROMISC) != 0;
  link.master_ifindex = attributes.number<std::uint32_t>(IFLA_MASTER);
  link.rx_queues = attributes.number<std::uint32_t>(IFLA_NUM_RX_QUEUES);
  link.tx_queues = attributes.number<std::uint32_t>(IFLA_NUM_TX_QUEUES);
  read_kind(attributes, link);
  std::uint32_t other = attributes.number<std::uint32_t>(IFLA_LINK);
  if (link.kind == "veth") {
    link.peer_ifindex = other;
    link.peer_netnsid = attributes.number<std::int32_t>(IFLA_LINK_NETNSID, -1);
  } else if (other != link.ifindex && attributes.get(IFLA_LINK_NETNSID) == nullptr) {
    link.parent_ifindex = other;
  }
  return link;
}

std::optional<Address> parse_address_message(const nlmsghdr& message) {
  Attributes<IFA_MAX> attributes{message, sizeof(ifaddrmsg)};
  if (!attributes.valid()) return {};
  const auto& head = head_of<ifaddrmsg>(message);
  std::uint8_t family = family_of(head.ifa_family);
  IpAddress address = ip_address(family, attributes.get(IFA_ADDRESS));
  IpAddress local = ip_address(family, attributes.get(IFA_LOCAL));
  if (local.family == DP_FAMILY_NONE) local = address;
  if (local.family == DP_FAMILY_NONE) return {};
  return Address{.ifindex = head.ifa_index,
                 .address = local,
                 .prefix_bits = head.ifa_prefixlen,
                 .peer = address,
                 .scope = head.ifa_scope,
                 .flags = attributes.number<std::uint32_t>(IFA_FLAGS, head.ifa_flags)};
}

std::optional<Route> parse_route(const nlmsghdr& message) {
  Attributes<RTA_MAX> attributes{message, sizeof(rtmsg)};
  if (!attributes.valid()) return {};
  const auto& head = head_of<rtmsg>(message);
  std::uint8_t family = family_of(head.rtm_family);
  if (family == DP_FAMILY_NONE || (head.rtm_flags & RTM_F_CLONED) != 0) return {};
  Route route;
  route.table = attributes.number<std::uint32_t>(RTA_TABLE, head.rtm_table);
  if (!read_prefix(family, attributes.get(RTA_DST), head.rtm_dst_len, route.prefix)) return {};
  if (!read_prefix(family, attributes.get(RTA_SRC), head.rtm_src_len, route.from)) return {};
  route.kind = kind_of(head.rtm_type);
  route.metric = attributes.number<std::uint32_t>(RTA_PRIORITY);
  route.tos = head.rtm_tos;
  route.protocol = head.rtm_protocol;
  route.scope = head.rtm_scope;
  route.nexthop_id = attributes.number<std::uint32_t>(RTA_NH_ID);
  route.source = ip_address(family, attributes.get(RTA_PREFSRC));
  Attributes<RTAX_MAX> metrics{attributes.get(RTA_METRICS)};
  route.mtu = metrics.number<std::uint32_t>(RTAX_MTU);
  route.mtu_locked = (metrics.number<std::uint32_t>(RTAX_LOCK) & 1U << RTAX_MTU) != 0;
  route.preference = preference_of(attributes.number<std::uint8_t>(RTA_PREF));
  if (!goes_nowhere(route.kind)) route.paths = read_paths(head, family, attributes);
  return route;
}

std::optional<RouteRule> parse_rule(const nlmsghdr& message) {
  Attributes<FRA_MAX> attributes{message, sizeof(fib_rule_hdr)};
  if (!attributes.valid()) return {};
  const auto& head = head_of<fib_rule_hdr>(message);
  RouteRule rule;
  rule.family = family_of(head.family);
  if (rule.family == DP_FAMILY_NONE) return {};
  if (!read_prefix(rule.family, attributes.get(FRA_SRC), head.src_len, rule.source)) return {};
  if (!read_prefix(rule.family, attributes.get(FRA_DST), head.dst_len, rule.destination)) return {};
  rule.priority = attributes.number<std::uint32_t>(FRA_PRIORITY);
  rule.action = rule_action_of(head.action);
  rule.table = attributes.number<std::uint32_t>(FRA_TABLE, head.table);
  rule.jump_to = attributes.number<std::uint32_t>(FRA_GOTO);
  rule.suppressed_bits = attributes.number<std::int32_t>(FRA_SUPPRESS_PREFIXLEN, -1);
  rule.suppresses_group = attributes.number<std::int32_t>(FRA_SUPPRESS_IFGROUP, -1) != -1;
  rule.invert = (head.flags & FIB_RULE_INVERT) != 0;
  rule.l3mdev = attributes.number<std::uint8_t>(FRA_L3MDEV) != 0;
  rule.iif = text_of(attributes.get(FRA_IIFNAME));
  rule.oif = text_of(attributes.get(FRA_OIFNAME));
  rule.mark = attributes.number<std::uint32_t>(FRA_FWMARK);
  rule.mark_mask = attributes.number<std::uint32_t>(FRA_FWMASK);
  rule.tos = head.tos;
  rule.tunnel_id = be64toh(attributes.number<std::uint64_t>(FRA_TUN_ID));
  const auto uids = attributes.number<fib_rule_uid_range>(FRA_UID_RANGE, {0, UINT32_MAX});
  rule.first_uid = uids.start;
  rule.last_uid = uids.end;
  rule.protocol = attributes.number<std::uint8_t>(FRA_IP_PROTO);
  rule.source_ports = port_range(attributes.number<fib_rule_port_range>(FRA_SPORT_RANGE, {}));
  rule.destination_ports = port_range(attributes.number<fib_rule_port_range>(FRA_DPORT_RANGE, {}));
  return rule;
}

std::optional<Nexthop> parse_nexthop(const nlmsghdr& message) {
  Attributes<NHA_MAX> attributes{message, sizeof(nhmsg)};
  if (!attributes.valid()) return {};
  const auto& head = head_of<nhmsg>(message);
  Nexthop nexthop;
  nexthop.id = attributes.number<std::uint32_t>(NHA_ID);
  if (nexthop.id == 0 || attributes.get(NHA_FDB) != nullptr) return {};
  nexthop.blackhole = attributes.get(NHA_BLACKHOLE) != nullptr;
  nexthop.path.ifindex = attributes.number<std::uint32_t>(NHA_OIF);
  nexthop.path.gateway = ip_address(family_of(head.nh_family), attributes.get(NHA_GATEWAY));
  nexthop.path.encapsulated = attributes.get(NHA_ENCAP) != nullptr;
  read_flags(head.nh_flags, nexthop.path);
  if (const nlattr* group = attributes.get(NHA_GROUP)) {
    std::span members{static_cast<const nexthop_grp*>(nla_data(group)), nla_len(group) / sizeof(nexthop_grp)};
    for (const nexthop_grp& member : members) nexthop.members.push_back({member.id, weight_of(member)});
  }
  return nexthop;
}

std::optional<Neighbour> parse_neighbour(const nlmsghdr& message) {
  Attributes<NDA_MAX> attributes{message, sizeof(ndmsg)};
  if (!attributes.valid()) return {};
  const auto& head = head_of<ndmsg>(message);
  Neighbour neighbour;
  neighbour.key.ifindex = static_cast<std::uint32_t>(head.ndm_ifindex);
  neighbour.key.address = ip_address(family_of(head.ndm_family), attributes.get(NDA_DST));
  if (neighbour.key.address.family == DP_FAMILY_NONE || (head.ndm_flags & NTF_PROXY) != 0) return {};
  if (is_multicast(neighbour.key.address)) return {};
  neighbour.has_mac = read_mac(attributes.get(NDA_LLADDR), neighbour.mac);
  neighbour.state = state_of(head.ndm_state);
  neighbour.managed = (attributes.number<std::uint32_t>(NDA_FLAGS_EXT) & NTF_EXT_MANAGED) != 0;
  neighbour.external = (head.ndm_flags & NTF_EXT_LEARNED) != 0;
  neighbour.router = (head.ndm_flags & NTF_ROUTER) != 0;
  return neighbour;
}

}  // namespace twinpath::netlink
