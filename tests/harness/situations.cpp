#include "common/target.h"

#include "harness/situations.hpp"

#include <cstring>
#include <utility>

namespace twinpath::test {

void host_open(GatewayTables& tables) {
  tables.set_rules(kInside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
  tables.set_rules(kOutside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
}

namespace {

using namespace tcp;
using Situations = std::vector<Situation>;

void nothing(GatewayTables&) {}
void allowed(GatewayTables& tables) { tables.allow(); }
void user(GatewayTables& tables) { tables.allow(DP_PLACE_USER); }
void rejected(GatewayTables& tables) { tables.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_REJECT)}); }

void default_route(GatewayTables& tables) {
  tables.allow();
  tables.routes.add(0, "0.0.0.0", 0, {DP_ROUTE_VIA, 1, 0, 0, 0, 0});
  tables.routes.add(0, "::", 0, {DP_ROUTE_VIA, 1, 0, 1, 0, 0});
}
void trusted_router(GatewayTables& tables) { tables.port(kLan).flags |= DP_PORT_RA; }

const Mac kVirtualMac{{0x00, 0x00, 0x5e, 0x00, 0x01, 0x07}};
void virtual_router(GatewayTables& tables, std::uint16_t flag) {
  tables.allow();
  tables.port(kLan).flags |= flag;
  std::memcpy(&tables.macs(kLan).mac[3], kVirtualMac.octets.data(), 6);
}

Ipv4 to(const char* destination) { return Ipv4{.dst = destination}; }
Ipv4 from(const char* source) { return Ipv4{.src = source}; }
Ipv6 to6(const char* destination) { return Ipv6{.dst = destination}; }
Ipv6 from6(const char* source) { return Ipv6{.src = source}; }
Eth group() { return Eth{.dst = kMulticastMac}; }
Eth broadcast() { return Eth{.dst = kBroadcastMac}; }
Tcp flags(std::uint8_t bits) { return Tcp{.flags = bits}; }

template <class Change>
std::function<void(GatewayTables&)> allowed_and(Change change) {
  return [change](GatewayTables& tables) {
    tables.allow();
    change(tables);
  };
}

Situations allowed_flows() {
  return {
      {"UDP", allowed, kLan, Eth{} / Ipv4{} / Udp{}, DP_NONE, DP_NONE},
      {"TCP with SYN", allowed, kLan, Eth{} / Ipv4{} / Tcp{}, DP_NONE, DP_NONE},
      {"TCP with SYN, ECE and CWR (RFC 3168)", allowed, kLan, Eth{} / Ipv4{} / flags(kSyn | kEce | kCwr), DP_NONE,
       DP_NONE},
      {"echo request", allowed, kLan, Eth{} / Ipv4{} / Icmp{}, DP_NONE, DP_NONE},
      {"ICMPv6 echo request", allowed, kLan, Eth{} / Ipv6{} / Icmp{.type = 128}, DP_NONE, DP_NONE},
      {"UDP over IPv6", allowed, kLan, Eth{} / Ipv6{} / Udp{}, DP_NONE, DP_NONE},
      {"a protocol without ports", allowed, kLan, Eth{} / Ipv4{.protocol = 50} / Payload(40), DP_NONE, DP_NONE},
      {"through a gateway", allowed, kLan, Eth{} / to("203.0.113.5") / Udp{}, DP_NONE, DP_NONE},
      {"atomic IPv6 fragment", allowed, kLan, Eth{} / Ipv6{} / Fragment6{} / Udp{}, DP_NONE, DP_NONE},
      {"hop limit 2", allowed, kLan, Eth{} / Ipv6{.hop_limit = 2} / Udp{}, DP_NONE, DP_NONE},
      {"exactly the MTU", allowed, kLan, Eth{} / Ipv4{.df = true} / Udp{} / Payload(1472), DP_NONE, DP_NONE},
      {"place: user", user, kLan, Eth{} / Ipv4{} / Udp{}, DP_STEER_PLACE_USER, DP_STEER_PLACE_USER},
      {"zone default allow", [](GatewayTables& t) { t.set_rules(kInside, kOutside, {}, DP_ACTION_ALLOW); }, kLan,
       Eth{} / Ipv4{} / Udp{}, DP_NONE, DP_NONE},
      {"egress that takes no redirect", allowed_and([](GatewayTables& t) { t.hop(2).flags |= DP_NEXT_HOP_SOCKET; }),
       kLan, Eth{} / Ipv4{} / Udp{}, DP_STEER_EGRESS_SOCKET, DP_STEER_EGRESS_SOCKET},
  };
}

Situations by_policy() {
  return {
      {"no rule", nothing, kLan, Eth{} / Ipv4{} / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"the other direction has no rule", allowed, kWan,
       on_wan() / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"a rule says drop", [](GatewayTables& t) { t.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_DROP)}); },
       kLan, Eth{} / Ipv4{} / Udp{}, DP_RULE, DP_RULE},
      {"a rule says reject", rejected, kLan, Eth{} / Ipv4{} / Udp{}, DP_STEER_REJECT, DP_STEER_REJECT},
      {"first match wins",
       [](GatewayTables& t) {
         t.set_rules(kInside, kOutside, {any_rule(1, DP_ACTION_DROP), any_rule(2, DP_ACTION_ALLOW)});
       },
       kLan, Eth{} / Ipv4{} / Udp{}, DP_RULE, DP_RULE},
  };
}

Situations tcp_that_starts_nothing() {
  return {
      {"TCP without SYN", allowed, kLan, Eth{} / Ipv4{} / flags(kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"SYN-ACK out of nowhere", allowed, kLan, Eth{} / Ipv4{} / flags(kSyn | kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"FIN-ACK out of nowhere", allowed, kLan, Eth{} / Ipv4{} / flags(kFin | kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"RST out of nowhere", allowed, kLan, Eth{} / Ipv4{} / flags(kRst), DP_NOT_SYN, DP_NOT_SYN},
      {"TCP without SYN, loose", allowed_and([](GatewayTables& t) { t.settings.pickup = DP_PICKUP_LOOSE; }), kLan,
       Eth{} / Ipv4{} / flags(kAck), DP_NONE, DP_NONE},
      {"RST out of nowhere, loose", allowed_and([](GatewayTables& t) { t.settings.pickup = DP_PICKUP_LOOSE; }), kLan,
       Eth{} / Ipv4{} / flags(kRst | kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"TCP without SYN in the grace after start", allowed_and([](GatewayTables& t) {
         t.settings.pickup_grace = 1;
         t.settings.pickup_ticks = 10;
         t.settings.pickup_until = kStart + 1;
       }),
       kLan, Eth{} / Ipv4{} / flags(kAck), DP_NONE, DP_NONE},
      {"TCP without SYN after the grace", allowed_and([](GatewayTables& t) {
         t.settings.pickup_grace = 1;
         t.settings.pickup_ticks = 10;
         t.settings.pickup_until = kStart;
       }),
       kLan, Eth{} / Ipv4{} / flags(kAck), DP_NOT_SYN, DP_NOT_SYN},
  };
}

Situations icmp_that_starts_nothing() {
  return {
      {"echo reply out of nowhere", allowed, kLan, Eth{} / Ipv4{} / Icmp{.type = 0}, DP_UNSOLICITED_ICMP,
       DP_UNSOLICITED_ICMP},
      {"ICMPv6 echo reply out of nowhere", allowed, kLan, Eth{} / Ipv6{} / Icmp{.type = 129}, DP_UNSOLICITED_ICMP,
       DP_UNSOLICITED_ICMP},
      {"router advertisement to be forwarded", allowed, kLan, Eth{} / Ipv6{.hop_limit = 255} / Icmp{.type = 134},
       DP_UNSOLICITED_ICMP, DP_UNSOLICITED_ICMP},
      {"ICMP error", allowed, kLan, Eth{} / Ipv4{} / Icmp{.type = 3, .code = 1} / Payload(28), DP_STEER_ICMP_ERROR,
       DP_STEER_ICMP_ERROR},
      {"packet too big", allowed, kLan, Eth{} / Ipv6{} / Icmp{.type = 2} / Payload(48), DP_STEER_ICMP_ERROR,
       DP_STEER_ICMP_ERROR},
  };
}

Situations sources() {
  return {
      {"source of another port (strict)", allowed, kLan, Eth{} / from("198.51.100.7") / Udp{}, DP_SOURCE_CHECK_FAILED,
       DP_SOURCE_CHECK_FAILED},
      {"source nobody has a route to (strict)", allowed, kLan, Eth{} / from("10.1.1.1") / Udp{}, DP_SOURCE_CHECK_FAILED,
       DP_SOURCE_CHECK_FAILED},
      {"source of another port (loose)",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_LOOSE; }), kLan,
       Eth{} / from("198.51.100.7") / Udp{}, DP_NONE, DP_NONE},
      {"source nobody has a route to (loose)",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_LOOSE; }), kLan,
       Eth{} / from("10.1.1.1") / Udp{}, DP_SOURCE_CHECK_FAILED, DP_SOURCE_CHECK_FAILED},
      {"any source when the check is off",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }), kLan,
       Eth{} / from("10.1.1.1") / Udp{}, DP_NONE, DP_NONE},
      {"our own address as source",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }), kLan,
       Eth{} / from("192.0.2.254") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"broadcast as source", allowed, kLan, Eth{} / from("192.0.2.255") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"loopback as source", allowed, kLan, Eth{} / from("127.0.0.1") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"0.0.0.0 as source", allowed, kLan, Eth{} / from("0.0.0.0") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"multicast as source", allowed, kLan, Eth{} / from("224.0.0.5") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"255.255.255.255 as source", allowed, kLan, Eth{} / from("255.255.255.255") / Udp{}, DP_MARTIAN_SOURCE,
       DP_MARTIAN_SOURCE},
      {"240.0.0.0/4 as source: unicast, as Linux has it",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }), kLan,
       Eth{} / from("250.1.1.1") / Udp{}, DP_NONE, DP_NONE},
      {"link-local source to be forwarded", allowed, kLan, Eth{} / from6("fe80::1") / Udp{}, DP_MARTIAN_SOURCE,
       DP_MARTIAN_SOURCE},
      {"169.254.0.0/16 as source to be forwarded",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }), kLan,
       Eth{} / from("169.254.9.9") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"::1 as source", allowed, kLan, Eth{} / from6("::1") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"IPv4-mapped source", allowed, kLan, Eth{} / from6("::ffff:192.0.2.1") / Udp{}, DP_MARTIAN_SOURCE,
       DP_MARTIAN_SOURCE},
  };
}

Situations destinations() {
  return {
      {"loopback as destination", allowed, kLan, Eth{} / to("127.0.0.1") / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {"240.0.0.0/4 as destination: unicast, as Linux has it", default_route, kLan, Eth{} / to("250.1.1.1") / Udp{},
       DP_NONE, DP_NONE},
      {"0.1.2.3 as destination: unicast, as Linux has it", default_route, kLan, Eth{} / to("0.1.2.3") / Udp{}, DP_NONE,
       DP_NONE},
      {"0.0.0.0 as destination", default_route, kLan, Eth{} / to("0.0.0.0") / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {":: as destination", default_route, kLan, Eth{} / to6("::") / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {"169.254.0.0/16 as destination never follows a route", default_route, kLan,
       Eth{} / to("169.254.169.254") / Udp{}, DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"fe80::/10 as destination never follows a route", default_route, kLan, Eth{} / to6("fe80::dead:beef") / Udp{},
       DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"a fragment to fe80::/10", default_route, kLan,
       Eth{} / to6("fe80::dead:beef") / Fragment6{.offset = 100, .next = 17} / Payload(80), DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
  };
}

Situations destinations_on_the_link() {
  return {
      {"255.255.255.255 in a unicast frame is the host's matter", default_route, kLan,
       Eth{} / to("255.255.255.255") / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"255.255.255.255 in a unicast frame, as Linux takes it", host_open, kLan, Eth{} / to("255.255.255.255") / Udp{},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"multicast destination in a unicast frame is the host's matter", default_route, kLan,
       Eth{} / to("239.1.1.1") / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"IPv6 multicast in a unicast frame (RFC 6085)", host_open, kLan, Eth{} / to6("ff02::1:ff00:fe") / Udp{},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"neighbour solicitation to a group in a unicast frame (RFC 6085)", nothing, kLan,
       Eth{} / Ipv6{.dst = "ff02::1:ff00:fe", .hop_limit = 255} / Icmp{.type = 135}, DP_PASS_LINK, DP_PASS_LINK},
      {"directed broadcast of this link in a unicast frame", host_open, kLan, Eth{} / to("192.0.2.255") / Udp{},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"this port's link-local address", host_open, kLan, Eth{} / to6("fe80::fe") / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"another port's link-local address", host_open, kLan, Eth{} / to6("fe80::1:fe") / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {"solicitation of another port's link-local address", host_open, kLan,
       Eth{} / Ipv6{.dst = "fe80::1:fe", .hop_limit = 255} / Icmp{.type = 135}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {"a link-local address of several devices", host_open, kWan,
       on_wan() / Ipv6{.src = "2001:db8:1::1", .dst = "fe80::5"} / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"this port's 169.254 address", host_open, kLan, Eth{} / to("169.254.7.254") / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"another port's 169.254 address", host_open, kWan,
       on_wan() / Ipv4{.src = "198.51.100.1", .dst = "169.254.7.254"} / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
  };
}

Situations without_a_way_on() {
  return {
      {"directed broadcast of the other link", allowed, kLan, Eth{} / to("198.51.100.255") / Udp{},
       DP_MULTICAST_NOT_ROUTED, DP_MULTICAST_NOT_ROUTED},
      {"no route", allowed, kLan, Eth{} / to("10.9.9.9") / Udp{}, DP_STEER_UNREACHABLE, DP_STEER_UNREACHABLE},
      {"unreachable route", allowed, kLan, Eth{} / to("203.0.113.65") / Udp{}, DP_STEER_UNREACHABLE,
       DP_STEER_UNREACHABLE},
      {"blackhole route", allowed, kLan, Eth{} / to("203.0.113.130") / Udp{}, DP_NO_ROUTE, DP_NO_ROUTE},
      {"route by a device that is no port", allowed, kLan, Eth{} / to("203.0.113.200") / Udp{}, DP_EGRESS_NOT_A_PORT,
       DP_EGRESS_NOT_A_PORT},
      {"egress without link", allowed_and([](GatewayTables& t) { t.hop(2).flags = DP_NEXT_HOP_RESOLVED; }), kLan,
       Eth{} / Ipv4{} / Udp{}, DP_EGRESS_DOWN, DP_EGRESS_DOWN},
  };
}

Situations ttl_size_neighbours() {
  return {
      {"TTL 1", allowed, kLan, Eth{} / Ipv4{.ttl = 1} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"TTL 0", allowed, kLan, Eth{} / Ipv4{.ttl = 0} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"hop limit 1", allowed, kLan, Eth{} / Ipv6{.hop_limit = 1} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"TTL before policy: as Linux asks", nothing, kLan, Eth{} / Ipv4{.ttl = 1} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"too big with DF", allowed, kLan, Eth{} / Ipv4{.df = true} / Udp{} / Payload(1473), DP_STEER_TOO_BIG,
       DP_STEER_TOO_BIG},
      {"too big without DF", allowed, kLan, Eth{} / Ipv4{} / Udp{} / Payload(1473), DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"too big over IPv6", allowed, kLan, Eth{} / Ipv6{} / Udp{} / Payload(1453), DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"too big but forbidden", nothing, kLan, Eth{} / Ipv4{} / Udp{} / Payload(1473), DP_ZONE_DEFAULT,
       DP_ZONE_DEFAULT},
      {"neighbour not resolved", allowed, kLan, Eth{} / to("198.51.100.9") / Udp{}, DP_STEER_NEIGHBOUR,
       DP_STEER_NEIGHBOUR},
      {"neighbour not known", allowed, kLan, Eth{} / to("198.51.100.77") / Udp{}, DP_STEER_NEIGHBOUR,
       DP_STEER_NEIGHBOUR},
      {"IPv6 neighbour not resolved", allowed, kLan, Eth{} / to6("2001:db8:1::9") / Udp{}, DP_STEER_NEIGHBOUR,
       DP_STEER_NEIGHBOUR},
      {"neighbour not resolved and too big with DF", allowed, kLan,
       Eth{} / Ipv4{.dst = "198.51.100.9", .df = true} / Udp{} / Payload(1473), DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"neighbour not resolved and to be cut: waits first", allowed, kLan,
       Eth{} / to("198.51.100.9") / Udp{} / Payload(1473), DP_STEER_NEIGHBOUR, DP_STEER_NEIGHBOUR},
  };
}

Situations fragments() {
  return {
      {"first fragment", allowed, kLan, Eth{} / Ipv4{.mf = true} / Udp{} / Payload(800), DP_STEER_FRAGMENT,
       DP_STEER_FRAGMENT},
      {"later fragment", allowed, kLan, Eth{} / Ipv4{.offset = 100, .protocol = 17} / Payload(80), DP_STEER_FRAGMENT,
       DP_STEER_FRAGMENT},
      {"later IPv6 fragment", allowed, kLan, Eth{} / Ipv6{} / Fragment6{.offset = 100, .next = 17} / Payload(80),
       DP_STEER_FRAGMENT, DP_STEER_FRAGMENT},
      {"fragment from a martian", allowed, kLan, Eth{} / Ipv4{.src = "127.0.0.1", .mf = true} / Udp{} / Payload(800),
       DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
  };
}

Situations border() {
  return {
      {"another station's frame", allowed, kLan, Eth{.dst = kPeerMac} / Ipv4{} / Udp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"another station's ARP", allowed, kLan, Eth{.dst = kPeerMac} / Arp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"source-routed packet", allowed, kLan, Eth{} / Ipv4{.options = {131, 7, 4, 10, 0, 0, 1}} / Udp{},
       DP_SOURCE_ROUTE, DP_SOURCE_ROUTE},
      {"source-routed packet to the host", host_open, kLan,
       Eth{} / Ipv4{.dst = "192.0.2.254", .options = {137, 7, 4, 10, 0, 0, 1}} / Udp{}, DP_SOURCE_ROUTE,
       DP_SOURCE_ROUTE},
      {"IPv6 routing header", allowed, kLan, Eth{} / Ipv6{} / routing() / Udp{}, DP_SOURCE_ROUTE, DP_SOURCE_ROUTE},
  };
}

Situations router_role() {
  return {
      {"router advertisement", host_open, kLan,
       group() / Ipv6{.src = "fe80::1", .dst = "ff02::1", .hop_limit = 255} / Icmp{.type = 134},
       DP_ROUTER_ADVERTISEMENT, DP_ROUTER_ADVERTISEMENT},
      {"router advertisement in a unicast frame to a group", host_open, kLan,
       Eth{} / Ipv6{.src = "fe80::1", .dst = "ff02::1", .hop_limit = 255} / Icmp{.type = 134}, DP_ROUTER_ADVERTISEMENT,
       DP_ROUTER_ADVERTISEMENT},
      {"router advertisement to our address", host_open, kLan,
       Eth{} / Ipv6{.src = "fe80::1", .dst = "fe80::fe", .hop_limit = 255} / Icmp{.type = 134}, DP_ROUTER_ADVERTISEMENT,
       DP_ROUTER_ADVERTISEMENT},
      {"router advertisement on a port that accepts it", trusted_router, kLan,
       group() / Ipv6{.src = "fe80::1", .dst = "ff02::1", .hop_limit = 255} / Icmp{.type = 134}, DP_PASS_LINK,
       DP_PASS_LINK},
      {"router solicitation", nothing, kLan,
       group() / Ipv6{.src = "fe80::1", .dst = "ff02::2", .hop_limit = 255} / Icmp{.type = 133}, DP_PASS_LINK,
       DP_PASS_LINK},
      {"ICMPv6 redirect", host_open, kLan,
       Eth{} / Ipv6{.src = "fe80::1", .dst = "fe80::fe", .hop_limit = 255} / Icmp{.type = 137}, DP_ROUTER_ADVERTISEMENT,
       DP_ROUTER_ADVERTISEMENT},
      {"ICMP redirect to the host", host_open, kLan,
       Eth{} / to("192.0.2.254") / Icmp{.type = 5, .code = 1} / Payload(28), DP_ROUTER_ADVERTISEMENT,
       DP_ROUTER_ADVERTISEMENT},
      {"ICMP redirect to the host on a port that accepts it", trusted_router, kLan,
       Eth{} / to("192.0.2.254") / Icmp{.type = 5, .code = 1} / Payload(28), DP_PASS_HOST, DP_PASS_HOST},
  };
}

Situations dhcp() {
  return {
      {"DHCP answer for an address that is not the host's yet", nothing, kLan,
       Eth{} / to("192.0.2.77") / Udp{.sport = 67, .dport = 68}, DP_PASS_DHCP, DP_PASS_DHCP},
      {"DHCP answer for an address behind another port", default_route, kLan,
       Eth{} / to("203.0.113.9") / Udp{.sport = 67, .dport = 68}, DP_PASS_DHCP, DP_PASS_DHCP},
      {"DHCP answer to everybody", nothing, kLan, broadcast() / to("255.255.255.255") / Udp{.sport = 67, .dport = 68},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"DHCP request to be forwarded", allowed, kLan, Eth{} / Ipv4{} / Udp{.sport = 68, .dport = 67}, DP_NONE, DP_NONE},
      {"DHCPv6 answer", nothing, kLan,
       Eth{} / Ipv6{.src = "fe80::1", .dst = "fe80::fe"} / Udp{.sport = 547, .dport = 546}, DP_PASS_HOST, DP_PASS_HOST},
      {"DHCPv6 answer to a global address of the host", nothing, kLan,
       Eth{} / to6("2001:db8::fe") / Udp{.sport = 547, .dport = 546}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
  };
}

Situations link_layer() {
  return {
      {"UDP without a source port (RFC 768)", allowed, kLan, Eth{} / Ipv4{} / Udp{.sport = 0}, DP_NONE, DP_NONE},
      {"a tag that names no VLAN", allowed, kLan, Eth{} / Vlan{.id = 0, .priority = 5} / Ipv4{} / Udp{}, DP_NONE,
       DP_NONE},
      {"a virtual router's MAC", [](GatewayTables& t) { virtual_router(t, DP_PORT_MACS); }, kLan,
       Eth{.dst = kVirtualMac} / Ipv4{} / Udp{}, DP_NONE, DP_NONE},
      {"a virtual router's MAC on a port that has none", [](GatewayTables& t) { virtual_router(t, 0); }, kLan,
       Eth{.dst = kVirtualMac} / Ipv4{} / Udp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"the zero MAC on a port with further ones", [](GatewayTables& t) { virtual_router(t, DP_PORT_MACS); }, kLan,
       Eth{.dst = Mac{}} / Ipv4{} / Udp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"an EtherType that the port passes", [](GatewayTables& t) { t.port(kLan).pass_ethertypes[1] = 0x888e; }, kLan,
       Eth{.type = 0x888e} / Payload(50), DP_PASS_ETHERTYPE, DP_PASS_ETHERTYPE},
      {"unknown EtherType", allowed, kLan, Eth{.type = 0x88cc} / Payload(50), DP_UNKNOWN_ETHERTYPE,
       DP_UNKNOWN_ETHERTYPE},
      {"unknown EtherType to a group (LLDP)", nothing, kLan, Eth{.dst = kMulticastMac, .type = 0x88cc} / Payload(50),
       DP_PASS_LINK, DP_PASS_LINK},
  };
}

Situations link_and_groups() {
  return {
      {"ARP to us", nothing, kLan, Eth{} / Arp{}, DP_PASS_LINK, DP_PASS_LINK},
      {"ARP to all", nothing, kLan, broadcast() / Arp{}, DP_PASS_LINK, DP_PASS_LINK},
      {"ARP beyond its budget", [](GatewayTables& t) { t.settings.budget[DP_BUDGET_LINK] = 0; }, kLan,
       broadcast() / Arp{}, DP_HOST_BUDGET, DP_HOST_BUDGET},
      {"neighbour solicitation to a group", nothing, kLan,
       group() / Ipv6{.dst = "ff02::1:ff00:fe", .hop_limit = 255} / Icmp{.type = 135}, DP_PASS_LINK, DP_PASS_LINK},
      {"neighbour solicitation from afar", nothing, kLan,
       group() / Ipv6{.dst = "ff02::1:ff00:fe", .hop_limit = 254} / Icmp{.type = 135}, DP_ZONE_DEFAULT,
       DP_ZONE_DEFAULT},
      {"IGMP report", nothing, kLan, group() / Ipv4{.dst = "224.0.0.22", .ttl = 1, .protocol = 2} / Payload(8),
       DP_PASS_LINK, DP_PASS_LINK},
      {"multicast the host may want", host_open, kLan,
       group() / Ipv4{.dst = "224.0.0.5", .ttl = 1, .protocol = 89} / Payload(44), DP_PASS_MULTICAST,
       DP_PASS_MULTICAST},
      {"DHCP from 0.0.0.0", host_open, kLan,
       broadcast() / Ipv4{.src = "0.0.0.0", .dst = "255.255.255.255"} / Udp{.sport = 68, .dport = 67},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"multicast the host zone refuses", nothing, kLan,
       group() / Ipv4{.dst = "224.0.0.5", .protocol = 89} / Payload(44), DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"unicast destination in a broadcast frame", host_open, kLan, broadcast() / Ipv4{} / Udp{},
       DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"subnet broadcast", host_open, kLan, broadcast() / to("192.0.2.255") / Udp{}, DP_PASS_MULTICAST,
       DP_PASS_MULTICAST},
  };
}

Situations to_the_host() {
  return {
      {"to the host", host_open, kLan, Eth{} / to("192.0.2.254") / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"to the host's address on another port", host_open, kLan, Eth{} / to("198.51.100.254") / Udp{}, DP_PASS_HOST,
       DP_PASS_HOST},
      {"to the host with TTL 1", host_open, kLan, Eth{} / Ipv4{.dst = "192.0.2.254", .ttl = 1} / Udp{}, DP_PASS_HOST,
       DP_PASS_HOST},
      {"to the host, refused", nothing, kLan, Eth{} / to("192.0.2.254") / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"to the host, rejected",
       [](GatewayTables& t) { t.set_rules(kInside, DP_ZONE_HOST, {any_rule(3, DP_ACTION_REJECT)}); }, kLan,
       Eth{} / to("192.0.2.254") / Udp{}, DP_STEER_REJECT, DP_STEER_REJECT},
      {"echo reply to the host, whatever the rules", nothing, kLan, Eth{} / to("192.0.2.254") / Icmp{.type = 0},
       DP_PASS_HOST, DP_PASS_HOST},
      {"ICMP error to the host, whatever the rules", nothing, kLan,
       Eth{} / to("192.0.2.254") / Icmp{.type = 3} / Payload(28), DP_PASS_HOST, DP_PASS_HOST},
      {"to the host from a source that fails the check", host_open, kLan,
       Eth{} / Ipv4{.src = "198.51.100.7", .dst = "192.0.2.254"} / Udp{}, DP_SOURCE_CHECK_FAILED,
       DP_SOURCE_CHECK_FAILED},
      {"to the host beyond its budget",
       [](GatewayTables& t) {
         host_open(t);
         t.settings.budget[DP_BUDGET_HOST] = 0;
       },
       kLan, Eth{} / to("192.0.2.254") / Udp{}, DP_HOST_BUDGET, DP_HOST_BUDGET},
      {"link-local source to the host", host_open, kLan, Eth{} / Ipv6{.src = "fe80::1", .dst = "2001:db8::fe"} / Udp{},
       DP_PASS_HOST, DP_PASS_HOST},
      {"first fragment to the host", host_open, kLan,
       Eth{} / Ipv4{.dst = "192.0.2.254", .mf = true} / Udp{} / Payload(800), DP_PASS_HOST, DP_PASS_HOST},
      {"later fragment to the host", nothing, kLan,
       Eth{} / Ipv4{.dst = "192.0.2.254", .offset = 100, .protocol = 17} / Payload(80), DP_PASS_HOST, DP_PASS_HOST},
      {"neighbour solicitation to our address", nothing, kLan,
       Eth{} / Ipv6{.dst = "2001:db8::fe", .hop_limit = 255} / Icmp{.type = 135}, DP_PASS_LINK, DP_PASS_LINK},
  };
}

}  // namespace

const std::vector<Situation>& situations() {
  static const Situations all = [] {
    Situations list;
    for (const auto& group : {allowed_flows, by_policy, tcp_that_starts_nothing, icmp_that_starts_nothing, sources,
                              destinations, destinations_on_the_link, without_a_way_on, ttl_size_neighbours, fragments,
                              border, router_role, dhcp, link_layer, link_and_groups, to_the_host})
      for (Situation& situation : group()) list.push_back(std::move(situation));
    return list;
  }();
  return all;
}

}  // namespace twinpath::test
