// decide_test.cpp - the whole decision on one packet: a table of named situations, and what follows from some of them.
//
// Source of the expectations: the design's life of a flow and its border to the host; RFC 1812, 3704, 4861, 9293.

#include "common/target.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

struct Situation {
  const char* name;
  std::function<void(GatewayTables&)> tables;
  std::uint16_t ingress;
  Packet packet;
  int kernel;
  int engine;
};

void nothing(GatewayTables&) {}
void allowed(GatewayTables& tables) { tables.allow(); }
void user(GatewayTables& tables) { tables.allow(DP_PLACE_USER); }
void rejected(GatewayTables& tables) { tables.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_REJECT)}); }
void host_open(GatewayTables& tables) {
  tables.set_rules(kInside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
  tables.set_rules(kOutside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
}

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
Eth on_wan() { return Eth{.dst = kWanMac}; }
Tcp flags(std::uint8_t bits) { return Tcp{.flags = bits}; }

template <class Change>
std::function<void(GatewayTables&)> allowed_and(Change change) {
  return [change](GatewayTables& tables) {
    tables.allow();
    change(tables);
  };
}

const std::vector<Situation>& situations() {
  using namespace tcp;
  static const std::vector<Situation> all = {
      // new flows that are allowed
      {"UDP", allowed, kLan, Eth{} / Ipv4{} / Udp{}, DP_NONE, DP_NONE},
      {"TCP with SYN", allowed, kLan, Eth{} / Ipv4{} / Tcp{}, DP_NONE, DP_NONE},
      {"TCP with SYN, ECE and CWR (RFC 3168)", allowed, kLan, Eth{} / Ipv4{} / flags(kSyn | kEce | kCwr), DP_NONE, DP_NONE},
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
      {"egress that takes no redirect", allowed_and([](GatewayTables& t) { t.hop(2).flags |= DP_NEXT_HOP_SOCKET; }), kLan,
       Eth{} / Ipv4{} / Udp{}, DP_STEER_EGRESS_SOCKET, DP_STEER_EGRESS_SOCKET},
      // policy
      {"no rule", nothing, kLan, Eth{} / Ipv4{} / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"the other direction has no rule", allowed, kWan, on_wan() / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{},
       DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"a rule says drop", [](GatewayTables& t) { t.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_DROP)}); }, kLan,
       Eth{} / Ipv4{} / Udp{}, DP_RULE, DP_RULE},
      {"a rule says reject", rejected, kLan, Eth{} / Ipv4{} / Udp{}, DP_STEER_REJECT, DP_STEER_REJECT},
      {"first match wins", [](GatewayTables& t) {
         t.set_rules(kInside, kOutside, {any_rule(1, DP_ACTION_DROP), any_rule(2, DP_ACTION_ALLOW)});
       }, kLan, Eth{} / Ipv4{} / Udp{}, DP_RULE, DP_RULE},
      // TCP that starts nothing (strict)
      {"TCP without SYN", allowed, kLan, Eth{} / Ipv4{} / flags(kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"SYN-ACK out of nowhere", allowed, kLan, Eth{} / Ipv4{} / flags(kSyn | kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"FIN-ACK out of nowhere", allowed, kLan, Eth{} / Ipv4{} / flags(kFin | kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"RST out of nowhere", allowed, kLan, Eth{} / Ipv4{} / flags(kRst), DP_NOT_SYN, DP_NOT_SYN},
      {"TCP without SYN, loose", allowed_and([](GatewayTables& t) { t.settings.pickup = DP_PICKUP_LOOSE; }), kLan,
       Eth{} / Ipv4{} / flags(kAck), DP_NONE, DP_NONE},
      {"RST out of nowhere, loose", allowed_and([](GatewayTables& t) { t.settings.pickup = DP_PICKUP_LOOSE; }), kLan,
       Eth{} / Ipv4{} / flags(kRst | kAck), DP_NOT_SYN, DP_NOT_SYN},
      {"TCP without SYN in the grace after start",
       allowed_and([](GatewayTables& t) { t.settings.pickup_grace = 1; t.settings.pickup_ticks = 10; t.settings.pickup_until = kStart + 1; }), kLan,
       Eth{} / Ipv4{} / flags(kAck), DP_NONE, DP_NONE},
      {"TCP without SYN after the grace",
       allowed_and([](GatewayTables& t) { t.settings.pickup_grace = 1; t.settings.pickup_ticks = 10; t.settings.pickup_until = kStart; }), kLan,
       Eth{} / Ipv4{} / flags(kAck), DP_NOT_SYN, DP_NOT_SYN},
      // ICMP that starts nothing
      {"echo reply out of nowhere", allowed, kLan, Eth{} / Ipv4{} / Icmp{.type = 0}, DP_UNSOLICITED_ICMP, DP_UNSOLICITED_ICMP},
      {"ICMPv6 echo reply out of nowhere", allowed, kLan, Eth{} / Ipv6{} / Icmp{.type = 129}, DP_UNSOLICITED_ICMP,
       DP_UNSOLICITED_ICMP},
      {"router advertisement to be forwarded", allowed, kLan, Eth{} / Ipv6{.hop_limit = 255} / Icmp{.type = 134},
       DP_UNSOLICITED_ICMP, DP_UNSOLICITED_ICMP},
      {"ICMP error", allowed, kLan, Eth{} / Ipv4{} / Icmp{.type = 3, .code = 1} / Payload(28), DP_STEER_ICMP_ERROR,
       DP_STEER_ICMP_ERROR},
      {"packet too big", allowed, kLan, Eth{} / Ipv6{} / Icmp{.type = 2} / Payload(48), DP_STEER_ICMP_ERROR,
       DP_STEER_ICMP_ERROR},
      // sources
      {"source of another port (strict)", allowed, kLan, Eth{} / from("198.51.100.7") / Udp{}, DP_SOURCE_CHECK_FAILED,
       DP_SOURCE_CHECK_FAILED},
      {"source nobody has a route to (strict)", allowed, kLan, Eth{} / from("10.1.1.1") / Udp{}, DP_SOURCE_CHECK_FAILED,
       DP_SOURCE_CHECK_FAILED},
      {"source of another port (loose)", allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_LOOSE; }),
       kLan, Eth{} / from("198.51.100.7") / Udp{}, DP_NONE, DP_NONE},
      {"source nobody has a route to (loose)",
       allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_LOOSE; }), kLan,
       Eth{} / from("10.1.1.1") / Udp{}, DP_SOURCE_CHECK_FAILED, DP_SOURCE_CHECK_FAILED},
      {"any source when the check is off", allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }),
       kLan, Eth{} / from("10.1.1.1") / Udp{}, DP_NONE, DP_NONE},
      {"our own address as source", allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }), kLan,
       Eth{} / from("192.0.2.254") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"broadcast as source", allowed, kLan, Eth{} / from("192.0.2.255") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"loopback as source", allowed, kLan, Eth{} / from("127.0.0.1") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"0.0.0.0 as source", allowed, kLan, Eth{} / from("0.0.0.0") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"multicast as source", allowed, kLan, Eth{} / from("224.0.0.5") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"255.255.255.255 as source", allowed, kLan, Eth{} / from("255.255.255.255") / Udp{}, DP_MARTIAN_SOURCE,
       DP_MARTIAN_SOURCE},
      {"240.0.0.0/4 as source: unicast, as Linux has it", allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }),
       kLan, Eth{} / from("250.1.1.1") / Udp{}, DP_NONE, DP_NONE},
      {"link-local source to be forwarded", allowed, kLan, Eth{} / from6("fe80::1") / Udp{}, DP_MARTIAN_SOURCE,
       DP_MARTIAN_SOURCE},
      {"169.254.0.0/16 as source to be forwarded", allowed_and([](GatewayTables& t) { t.port(kLan).source_check = DP_SOURCE_CHECK_OFF; }),
       kLan, Eth{} / from("169.254.9.9") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"::1 as source", allowed, kLan, Eth{} / from6("::1") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      {"IPv4-mapped source", allowed, kLan, Eth{} / from6("::ffff:192.0.2.1") / Udp{}, DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      // destinations
      {"loopback as destination", allowed, kLan, Eth{} / to("127.0.0.1") / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {"240.0.0.0/4 as destination: unicast, as Linux has it", default_route, kLan, Eth{} / to("250.1.1.1") / Udp{}, DP_NONE,
       DP_NONE},
      {"0.1.2.3 as destination: unicast, as Linux has it", default_route, kLan, Eth{} / to("0.1.2.3") / Udp{}, DP_NONE, DP_NONE},
      {"0.0.0.0 as destination", default_route, kLan, Eth{} / to("0.0.0.0") / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {":: as destination", default_route, kLan, Eth{} / to6("::") / Udp{}, DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"169.254.0.0/16 as destination never follows a route", default_route, kLan, Eth{} / to("169.254.169.254") / Udp{},
       DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"fe80::/10 as destination never follows a route", default_route, kLan, Eth{} / to6("fe80::dead:beef") / Udp{},
       DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"a fragment to fe80::/10", default_route, kLan, Eth{} / to6("fe80::dead:beef") / Fragment6{.offset = 100, .next = 17} / Payload(80),
       DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"255.255.255.255 in a unicast frame is the host's matter", default_route, kLan, Eth{} / to("255.255.255.255") / Udp{},
       DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"255.255.255.255 in a unicast frame, as Linux takes it", host_open, kLan, Eth{} / to("255.255.255.255") / Udp{},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"multicast destination in a unicast frame is the host's matter", default_route, kLan, Eth{} / to("239.1.1.1") / Udp{},
       DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
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
       Eth{} / Ipv6{.dst = "fe80::1:fe", .hop_limit = 255} / Icmp{.type = 135}, DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"a link-local address of several devices", host_open, kWan, on_wan() / Ipv6{.src = "2001:db8:1::1", .dst = "fe80::5"} / Udp{},
       DP_PASS_HOST, DP_PASS_HOST},
      {"this port's 169.254 address", host_open, kLan, Eth{} / to("169.254.7.254") / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"another port's 169.254 address", host_open, kWan, on_wan() / Ipv4{.src = "198.51.100.1", .dst = "169.254.7.254"} / Udp{},
       DP_MARTIAN_DESTINATION, DP_MARTIAN_DESTINATION},
      {"directed broadcast of the other link", allowed, kLan, Eth{} / to("198.51.100.255") / Udp{}, DP_MULTICAST_NOT_ROUTED,
       DP_MULTICAST_NOT_ROUTED},
      {"no route", allowed, kLan, Eth{} / to("10.9.9.9") / Udp{}, DP_STEER_UNREACHABLE, DP_STEER_UNREACHABLE},
      {"unreachable route", allowed, kLan, Eth{} / to("203.0.113.65") / Udp{}, DP_STEER_UNREACHABLE, DP_STEER_UNREACHABLE},
      {"blackhole route", allowed, kLan, Eth{} / to("203.0.113.130") / Udp{}, DP_NO_ROUTE, DP_NO_ROUTE},
      {"route by a device that is no port", allowed, kLan, Eth{} / to("203.0.113.200") / Udp{}, DP_EGRESS_NOT_A_PORT,
       DP_EGRESS_NOT_A_PORT},
      {"egress without link", allowed_and([](GatewayTables& t) { t.hop(2).flags = DP_NEXT_HOP_RESOLVED; }), kLan,
       Eth{} / Ipv4{} / Udp{}, DP_EGRESS_DOWN, DP_EGRESS_DOWN},
      // TTL, size, neighbours
      {"TTL 1", allowed, kLan, Eth{} / Ipv4{.ttl = 1} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"TTL 0", allowed, kLan, Eth{} / Ipv4{.ttl = 0} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"hop limit 1", allowed, kLan, Eth{} / Ipv6{.hop_limit = 1} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"TTL before policy: as Linux asks", nothing, kLan, Eth{} / Ipv4{.ttl = 1} / Udp{}, DP_STEER_TTL, DP_STEER_TTL},
      {"too big with DF", allowed, kLan, Eth{} / Ipv4{.df = true} / Udp{} / Payload(1473), DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"too big without DF", allowed, kLan, Eth{} / Ipv4{} / Udp{} / Payload(1473), DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"too big over IPv6", allowed, kLan, Eth{} / Ipv6{} / Udp{} / Payload(1453), DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"too big but forbidden", nothing, kLan, Eth{} / Ipv4{} / Udp{} / Payload(1473), DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"neighbour not resolved", allowed, kLan, Eth{} / to("198.51.100.9") / Udp{}, DP_STEER_NEIGHBOUR, DP_STEER_NEIGHBOUR},
      {"neighbour not known", allowed, kLan, Eth{} / to("198.51.100.77") / Udp{}, DP_STEER_NEIGHBOUR, DP_STEER_NEIGHBOUR},
      {"IPv6 neighbour not resolved", allowed, kLan, Eth{} / to6("2001:db8:1::9") / Udp{}, DP_STEER_NEIGHBOUR,
       DP_STEER_NEIGHBOUR},
      {"neighbour not resolved and too big with DF", allowed, kLan, Eth{} / Ipv4{.dst = "198.51.100.9", .df = true} / Udp{} / Payload(1473),
       DP_STEER_TOO_BIG, DP_STEER_TOO_BIG},
      {"neighbour not resolved and to be cut: waits first", allowed, kLan, Eth{} / to("198.51.100.9") / Udp{} / Payload(1473),
       DP_STEER_NEIGHBOUR, DP_STEER_NEIGHBOUR},
      // fragments
      {"first fragment", allowed, kLan, Eth{} / Ipv4{.mf = true} / Udp{} / Payload(800), DP_STEER_FRAGMENT, DP_STEER_FRAGMENT},
      {"later fragment", allowed, kLan, Eth{} / Ipv4{.offset = 100, .protocol = 17} / Payload(80), DP_STEER_FRAGMENT,
       DP_STEER_FRAGMENT},
      {"later IPv6 fragment", allowed, kLan, Eth{} / Ipv6{} / Fragment6{.offset = 100, .next = 17} / Payload(80),
       DP_STEER_FRAGMENT, DP_STEER_FRAGMENT},
      {"fragment from a martian", allowed, kLan, Eth{} / Ipv4{.src = "127.0.0.1", .mf = true} / Udp{} / Payload(800),
       DP_MARTIAN_SOURCE, DP_MARTIAN_SOURCE},
      // the border
      {"another station's frame", allowed, kLan, Eth{.dst = kPeerMac} / Ipv4{} / Udp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"another station's ARP", allowed, kLan, Eth{.dst = kPeerMac} / Arp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"source-routed packet", allowed, kLan, Eth{} / Ipv4{.options = {131, 7, 4, 10, 0, 0, 1}} / Udp{}, DP_SOURCE_ROUTE,
       DP_SOURCE_ROUTE},
      {"source-routed packet to the host", host_open, kLan,
       Eth{} / Ipv4{.dst = "192.0.2.254", .options = {137, 7, 4, 10, 0, 0, 1}} / Udp{}, DP_SOURCE_ROUTE, DP_SOURCE_ROUTE},
      {"IPv6 routing header", allowed, kLan, Eth{} / Ipv6{} / routing() / Udp{}, DP_SOURCE_ROUTE, DP_SOURCE_ROUTE},
      {"router advertisement", host_open, kLan, group() / Ipv6{.src = "fe80::1", .dst = "ff02::1", .hop_limit = 255} / Icmp{.type = 134},
       DP_ROUTER_ADVERTISEMENT, DP_ROUTER_ADVERTISEMENT},
      {"router advertisement in a unicast frame to a group", host_open, kLan,
       Eth{} / Ipv6{.src = "fe80::1", .dst = "ff02::1", .hop_limit = 255} / Icmp{.type = 134}, DP_ROUTER_ADVERTISEMENT,
       DP_ROUTER_ADVERTISEMENT},
      {"router advertisement to our address", host_open, kLan,
       Eth{} / Ipv6{.src = "fe80::1", .dst = "fe80::fe", .hop_limit = 255} / Icmp{.type = 134}, DP_ROUTER_ADVERTISEMENT,
       DP_ROUTER_ADVERTISEMENT},
      {"router advertisement on a port that accepts it", trusted_router, kLan,
       group() / Ipv6{.src = "fe80::1", .dst = "ff02::1", .hop_limit = 255} / Icmp{.type = 134}, DP_PASS_LINK, DP_PASS_LINK},
      {"router solicitation", nothing, kLan, group() / Ipv6{.src = "fe80::1", .dst = "ff02::2", .hop_limit = 255} / Icmp{.type = 133},
       DP_PASS_LINK, DP_PASS_LINK},
      {"ICMPv6 redirect", host_open, kLan, Eth{} / Ipv6{.src = "fe80::1", .dst = "fe80::fe", .hop_limit = 255} / Icmp{.type = 137},
       DP_ROUTER_ADVERTISEMENT, DP_ROUTER_ADVERTISEMENT},
      {"ICMP redirect to the host", host_open, kLan, Eth{} / to("192.0.2.254") / Icmp{.type = 5, .code = 1} / Payload(28),
       DP_ROUTER_ADVERTISEMENT, DP_ROUTER_ADVERTISEMENT},
      {"ICMP redirect to the host on a port that accepts it", trusted_router, kLan,
       Eth{} / to("192.0.2.254") / Icmp{.type = 5, .code = 1} / Payload(28), DP_PASS_HOST, DP_PASS_HOST},
      {"DHCP answer for an address that is not the host's yet", nothing, kLan, Eth{} / to("192.0.2.77") / Udp{.sport = 67, .dport = 68},
       DP_PASS_DHCP, DP_PASS_DHCP},
      {"DHCP answer for an address behind another port", default_route, kLan, Eth{} / to("203.0.113.9") / Udp{.sport = 67, .dport = 68},
       DP_PASS_DHCP, DP_PASS_DHCP},
      {"DHCP answer to everybody", nothing, kLan, broadcast() / to("255.255.255.255") / Udp{.sport = 67, .dport = 68},
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"DHCP request to be forwarded", allowed, kLan, Eth{} / Ipv4{} / Udp{.sport = 68, .dport = 67}, DP_NONE, DP_NONE},
      {"DHCPv6 answer", nothing, kLan, Eth{} / Ipv6{.src = "fe80::1", .dst = "fe80::fe"} / Udp{.sport = 547, .dport = 546},
       DP_PASS_HOST, DP_PASS_HOST},
      {"DHCPv6 answer to a global address of the host", nothing, kLan, Eth{} / to6("2001:db8::fe") / Udp{.sport = 547, .dport = 546},
       DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"UDP without a source port (RFC 768)", allowed, kLan, Eth{} / Ipv4{} / Udp{.sport = 0}, DP_NONE, DP_NONE},
      {"a tag that names no VLAN", allowed, kLan, Eth{} / Vlan{.id = 0, .priority = 5} / Ipv4{} / Udp{}, DP_NONE, DP_NONE},
      {"a virtual router's MAC", [](GatewayTables& t) { virtual_router(t, DP_PORT_MACS); }, kLan,
       Eth{.dst = kVirtualMac} / Ipv4{} / Udp{}, DP_NONE, DP_NONE},
      {"a virtual router's MAC on a port that has none", [](GatewayTables& t) { virtual_router(t, 0); }, kLan,
       Eth{.dst = kVirtualMac} / Ipv4{} / Udp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"the zero MAC on a port with further ones", [](GatewayTables& t) { virtual_router(t, DP_PORT_MACS); }, kLan,
       Eth{.dst = Mac{}} / Ipv4{} / Udp{}, DP_NOT_OUR_MAC, DP_NOT_OUR_MAC},
      {"an EtherType that the port passes", [](GatewayTables& t) { t.port(kLan).pass_ethertypes[1] = 0x888e; }, kLan,
       Eth{.type = 0x888e} / Payload(50), DP_PASS_ETHERTYPE, DP_PASS_ETHERTYPE},
      {"unknown EtherType", allowed, kLan, Eth{.type = 0x88cc} / Payload(50), DP_UNKNOWN_ETHERTYPE, DP_UNKNOWN_ETHERTYPE},
      {"unknown EtherType to a group (LLDP)", nothing, kLan, Eth{.dst = kMulticastMac, .type = 0x88cc} / Payload(50),
       DP_PASS_LINK, DP_PASS_LINK},
      {"ARP to us", nothing, kLan, Eth{} / Arp{}, DP_PASS_LINK, DP_PASS_LINK},
      {"ARP to all", nothing, kLan, broadcast() / Arp{}, DP_PASS_LINK, DP_PASS_LINK},
      {"ARP beyond its budget", [](GatewayTables& t) { t.settings.budget[DP_BUDGET_LINK] = 0; }, kLan, broadcast() / Arp{},
       DP_HOST_BUDGET, DP_HOST_BUDGET},
      {"neighbour solicitation to a group", nothing, kLan, group() / Ipv6{.dst = "ff02::1:ff00:fe", .hop_limit = 255} / Icmp{.type = 135},
       DP_PASS_LINK, DP_PASS_LINK},
      {"neighbour solicitation from afar", nothing, kLan,
       group() / Ipv6{.dst = "ff02::1:ff00:fe", .hop_limit = 254} / Icmp{.type = 135}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"IGMP report", nothing, kLan, group() / Ipv4{.dst = "224.0.0.22", .ttl = 1, .protocol = 2} / Payload(8), DP_PASS_LINK,
       DP_PASS_LINK},
      {"multicast the host may want", host_open, kLan, group() / Ipv4{.dst = "224.0.0.5", .ttl = 1, .protocol = 89} / Payload(44),
       DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      {"DHCP from 0.0.0.0", host_open, kLan,
       broadcast() / Ipv4{.src = "0.0.0.0", .dst = "255.255.255.255"} / Udp{.sport = 68, .dport = 67}, DP_PASS_MULTICAST,
       DP_PASS_MULTICAST},
      {"multicast the host zone refuses", nothing, kLan, group() / Ipv4{.dst = "224.0.0.5", .protocol = 89} / Payload(44),
       DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"unicast destination in a broadcast frame", host_open, kLan, broadcast() / Ipv4{} / Udp{}, DP_MARTIAN_DESTINATION,
       DP_MARTIAN_DESTINATION},
      {"subnet broadcast", host_open, kLan, broadcast() / to("192.0.2.255") / Udp{}, DP_PASS_MULTICAST, DP_PASS_MULTICAST},
      // the host
      {"to the host", host_open, kLan, Eth{} / to("192.0.2.254") / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"to the host's address on another port", host_open, kLan, Eth{} / to("198.51.100.254") / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"to the host with TTL 1", host_open, kLan, Eth{} / Ipv4{.dst = "192.0.2.254", .ttl = 1} / Udp{}, DP_PASS_HOST, DP_PASS_HOST},
      {"to the host, refused", nothing, kLan, Eth{} / to("192.0.2.254") / Udp{}, DP_ZONE_DEFAULT, DP_ZONE_DEFAULT},
      {"to the host, rejected", [](GatewayTables& t) { t.set_rules(kInside, DP_ZONE_HOST, {any_rule(3, DP_ACTION_REJECT)}); }, kLan,
       Eth{} / to("192.0.2.254") / Udp{}, DP_STEER_REJECT, DP_STEER_REJECT},
      {"echo reply to the host, whatever the rules", nothing, kLan, Eth{} / to("192.0.2.254") / Icmp{.type = 0}, DP_PASS_HOST,
       DP_PASS_HOST},
      {"ICMP error to the host, whatever the rules", nothing, kLan, Eth{} / to("192.0.2.254") / Icmp{.type = 3} / Payload(28),
       DP_PASS_HOST, DP_PASS_HOST},
      {"to the host from a source that fails the check", host_open, kLan, Eth{} / Ipv4{.src = "198.51.100.7", .dst = "192.0.2.254"} / Udp{},
       DP_SOURCE_CHECK_FAILED, DP_SOURCE_CHECK_FAILED},
      {"to the host beyond its budget", [](GatewayTables& t) { host_open(t); t.settings.budget[DP_BUDGET_HOST] = 0; }, kLan,
       Eth{} / to("192.0.2.254") / Udp{}, DP_HOST_BUDGET, DP_HOST_BUDGET},
      {"link-local source to the host", host_open, kLan, Eth{} / Ipv6{.src = "fe80::1", .dst = "2001:db8::fe"} / Udp{}, DP_PASS_HOST,
       DP_PASS_HOST},
      {"first fragment to the host", host_open, kLan, Eth{} / Ipv4{.dst = "192.0.2.254", .mf = true} / Udp{} / Payload(800),
       DP_PASS_HOST, DP_PASS_HOST},
      {"later fragment to the host", nothing, kLan, Eth{} / Ipv4{.dst = "192.0.2.254", .offset = 100, .protocol = 17} / Payload(80),
       DP_PASS_HOST, DP_PASS_HOST},
      {"neighbour solicitation to our address", nothing, kLan, Eth{} / Ipv6{.dst = "2001:db8::fe", .hop_limit = 255} / Icmp{.type = 135},
       DP_PASS_LINK, DP_PASS_LINK},
  };
  return all;
}

bool installs(int reason, std::uint8_t side, const dp_packet& packet) {
  if (side == DP_SIDE_KERNEL) return reason == DP_NONE || reason == DP_STEER_EGRESS_SOCKET;
  const bool cut = packet.family == DP_FAMILY_V4 && (packet.flags & DP_PACKET_DONT_FRAGMENT) == 0;
  return reason == DP_NONE || reason == DP_STEER_PLACE_USER || reason == DP_STEER_NEIGHBOUR ||
         reason == DP_STEER_EGRESS_SOCKET || (reason == DP_STEER_TOO_BIG && cut);
}

}  // namespace

TEST_CASE("the table names at least sixty situations") { CHECK(situations().size() >= 60); }

TEST_CASE("each situation has its reason in both datapaths, and leaves a pair behind exactly when it may") {
  for (const Situation& situation : situations()) {
    for (const std::uint8_t side : {std::uint8_t{DP_SIDE_KERNEL}, std::uint8_t{DP_SIDE_ENGINE}}) {
      GatewayTables tables;
      situation.tables(tables);
      const int reason = tables.decide(situation.packet.bytes(), situation.ingress, side);
      const int wanted = side == DP_SIDE_KERNEL ? situation.kernel : situation.engine;
      INFO(situation.name << (side == DP_SIDE_KERNEL ? " in the kernel" : " in the engine"));
      CHECK(std::string(name_of(reason)) == name_of(wanted));
      CHECK(tables.slots_in_use() == (installs(wanted, side, tables.last.packet) ? 2 : 0));
    }
  }
}

TEST_CASE("the answer of an allowed flow passes the zone pair that no rule opens") {
  GatewayTables tables;
  tables.allow();
  REQUIRE(tables.decide((Eth{} / Ipv4{} / Udp{.sport = 1000, .dport = 53}).bytes(), kLan) == DP_NONE);
  const Packet answer = on_wan() / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000};
  CHECK(tables.decide(answer.bytes(), kWan) == DP_NONE);
  CHECK(tables.last.next_hop == 1);
}

TEST_CASE("an answer that comes in by another zone belongs to no flow") {
  GatewayTables tables;
  tables.allow();
  tables.port(kLan).source_check = DP_SOURCE_CHECK_OFF;
  REQUIRE(tables.decide((Eth{} / Ipv4{} / Tcp{.sport = 1000, .dport = 80}).bytes(), kLan) == DP_NONE);
  const Packet answer =
      Eth{} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Tcp{.sport = 80, .dport = 1000, .flags = 0x12};
  CHECK(tables.decide(answer.bytes(), kLan) == DP_NOT_SYN);
}

TEST_CASE("a flow whose rule is gone is dropped with its next packet and deleted") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  tables.set_rules(kInside, kOutside, {});
  CHECK(tables.decide(frame, kLan) == DP_NONE);  // not published yet
  tables.settings.stamp += 1U << 16;
  CHECK(tables.decide(frame, kLan) == DP_ZONE_DEFAULT);
  CHECK(tables.slots_in_use() == 0);
}

TEST_CASE("the answer of a flow whose rule is gone is dropped too, judged from the original direction") {
  GatewayTables tables;
  tables.allow();
  REQUIRE(tables.decide((Eth{} / Ipv4{} / Udp{.sport = 1000, .dport = 53}).bytes(), kLan) == DP_NONE);
  tables.set_rules(kInside, kOutside, {any_rule(9, DP_ACTION_DROP)});
  tables.settings.stamp += 1U << 16;
  const Packet answer = on_wan() / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000};
  CHECK(tables.decide(answer.bytes(), kWan) == DP_RULE);
}

TEST_CASE("a new route epoch changes the next hop of a live flow and asks no rule") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / to("203.0.113.5") / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  tables.set_rules(kInside, kOutside, {});
  tables.path(0).next_hop = 4;
  tables.hop(4).flags |= DP_NEXT_HOP_RESOLVED;
  tables.settings.stamp += 1;
  CHECK(tables.decide(frame, kLan) == DP_NONE);
  CHECK(tables.last.next_hop == 4);
  CHECK(tables.last.match.rule == 0);  // what rules count
  CHECK(dp_flow_rule(&tables.env, DP_FAMILY_V4, &tables.last.view) == 7);
}

// fib_validate_source: a lookup that ends in an error is no way back, whatever the port's mode.
TEST_CASE("a source that no route leads to fails the loose check, whatever kind the route is of") {
  struct {
    dp_route_kind kind;
    int wanted;
  } kinds[] = {{DP_ROUTE_NONE, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_UNREACHABLE, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_BLACKHOLE, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_PROHIBITED, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_THROW, DP_SOURCE_CHECK_FAILED},
               {DP_ROUTE_LOCAL, DP_MARTIAN_SOURCE},
               {DP_ROUTE_BROADCAST, DP_MARTIAN_SOURCE},
               {DP_ROUTE_ON_LINK, DP_NONE},
               {DP_ROUTE_VIA, DP_NONE},
               {DP_ROUTE_NOT_A_PORT, DP_NONE}};
  for (const auto& one : kinds)
    for (const bool v6 : {false, true}) {
      CAPTURE(one.kind);
      CAPTURE(v6);
      GatewayTables tables;
      tables.allow();
      tables.port(kLan).source_check = DP_SOURCE_CHECK_LOOSE;
      const auto first_path = static_cast<__u16>(v6 ? 1 : 0);
      const dp_route route{
          static_cast<__u8>(one.kind), static_cast<__u8>(one.kind == DP_ROUTE_VIA ? 1 : 0), kWan, first_path, 0, 0};
      if (v6) {
        tables.routes.add(0, "2001:db8:77::", 48, route);
        CHECK(tables.decide((Eth{} / from6("2001:db8:77::7") / Udp{}).bytes(), kLan) == one.wanted);
      } else {
        tables.routes.add(0, "10.77.0.0", 16, route);
        CHECK(tables.decide((Eth{} / from("10.77.0.7") / Udp{}).bytes(), kLan) == one.wanted);
      }
    }
}

TEST_CASE("a host on the link that is reached by a route with an MTU has a next hop of its own") {
  GatewayTables tables;
  tables.allow();
  tables.hop(9) = tables.hop(2);
  tables.hop(9).mtu = 1400;
  tables.path(3) = {0, kWan, 1400, 0};
  tables.routes.add(0, "198.51.100.1", 32, {DP_ROUTE_VIA, 1, 0, 3, 0, 0});
  const Bytes small = (Eth{} / Ipv4{.df = true} / Udp{} / Payload(1372)).bytes();
  CHECK(tables.decide(small, kLan) == DP_STEER_NEIGHBOUR);
  tables.neighbours.add("198.51.100.1", kWan, 9, 1400);
  CHECK(tables.decide(small, kLan) == DP_NONE);
  CHECK(tables.last.next_hop == 9);
  CHECK(tables.decide((Eth{} / Ipv4{.df = true} / Udp{} / Payload(1373)).bytes(), kLan) == DP_STEER_TOO_BIG);
}

TEST_CASE("a route whose path is not there is no route") {
  GatewayTables tables;
  tables.allow();
  tables.routes.add(0, "203.0.113.16", 28, {DP_ROUTE_VIA, 2, kWan, 99, 0, 0});
  CHECK(tables.decide((Eth{} / to("203.0.113.17") / Udp{}).bytes(), kLan) == DP_STEER_UNREACHABLE);
  const dp_route_query& there = tables.last.there;
  CHECK(there.kind == DP_ROUTE_NONE);
  for (const __u16 field : {there.port, there.next_hop, there.first_path, __u16{there.path_count}}) CHECK(field == 0);
}

TEST_CASE("a route that names no port leads to no port, for a new flow and for a live one") {
  GatewayTables tables;
  tables.allow();
  tables.set_rules(kInside, 0, {any_rule(8, DP_ACTION_ALLOW)});  // what port 0 would have for a zone
  const Bytes frame = (Eth{} / to("203.0.113.17") / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  tables.routes.add(0, "203.0.113.16", 28, {DP_ROUTE_ON_LINK, 0, 0, 0, 0, 0});
  CHECK(tables.decide((Eth{} / to("203.0.113.18") / Udp{}).bytes(), kLan) == DP_EGRESS_NOT_A_PORT);
  tables.settings.stamp += 1;
  CHECK(tables.decide(frame, kLan) == DP_EGRESS_NOT_A_PORT);
}

TEST_CASE("under a new route epoch no entry uses the next hop of a neighbour that is gone") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan) == DP_NONE);
  REQUIRE(tables.last.next_hop == 2);
  tables.neighbours.forget(2);
  tables.settings.stamp += 1;
  for (const std::uint8_t side : {std::uint8_t{DP_SIDE_KERNEL}, std::uint8_t{DP_SIDE_ENGINE}}) {
    CHECK(tables.decide(frame, kLan, side) == DP_STEER_NEIGHBOUR);
    CHECK(tables.last.next_hop == 0);
  }
  tables.neighbours.add("198.51.100.1", kWan, 2);
  CHECK(tables.decide(frame, kLan) == DP_NONE);
}

TEST_CASE("a flow that the engine installed is held back from the kernel until it is let go") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan, DP_SIDE_ENGINE) == DP_NONE);
  CHECK(tables.decide(frame, kLan, DP_SIDE_KERNEL) == DP_STEER_HELD);
  CHECK(tables.decide(frame, kLan, DP_SIDE_ENGINE) == DP_NONE);
  const dp_flow_view view = tables.last.view;
  REQUIRE(dp_flow_change_flags(&tables.env, DP_FAMILY_V4, view.slot, view.control, 0, DP_FLOW_HELD) != 0);
  CHECK(tables.decide(frame, kLan, DP_SIDE_KERNEL) == DP_NONE);
}

TEST_CASE("a held flow goes on in the kernel when the daemon is gone") {
  GatewayTables tables;
  tables.allow();
  const Bytes frame = (Eth{} / Ipv4{} / Udp{}).bytes();
  REQUIRE(tables.decide(frame, kLan, DP_SIDE_ENGINE) == DP_NONE);
  tables.now += tables.settings.heartbeat_limit + 1;
  CHECK(tables.decide(frame, kLan, DP_SIDE_KERNEL) == DP_NONE);
}

TEST_CASE("a SYN on a closing flow starts a new one, on a live one it does not") {
  GatewayTables tables;
  tables.allow();
  const Bytes syn = (Eth{} / Ipv4{} / Tcp{}).bytes();
  REQUIRE(tables.decide(syn, kLan) == DP_NONE);
  const std::uint32_t first = tables.last.view.control;
  REQUIRE(tables.decide(syn, kLan) == DP_NONE);
  CHECK(dp_flow_same_version(tables.last.view.control, first));
  // the answer to the SYN, from a port that nobody listens on
  const Packet refusal = Packet{Eth{.dst = kWanMac}} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} /
                         Tcp{.sport = 80, .dport = 49152, .seq = 0, .ack = 1001, .flags = tcp::kRst | tcp::kAck};
  REQUIRE(tables.decide(refusal.bytes(), kWan) == DP_NONE);
  const std::uint32_t slot = tables.last.view.partner;
  REQUIRE(tables.decide(syn, kLan) == DP_NONE);
  const bool anew = tables.last.view.slot != slot || !dp_flow_same_version(tables.last.view.control, first);
  CHECK(anew);
  CHECK(tables.slots_in_use() == 2);
}

namespace {

// All that a decision can write, as bytes: the other tables are const in a dp_env, so the compiler refuses to write them.
class Snapshot {
 public:
  explicit Snapshot(const GatewayTables& tables) {
    for (const auto& part : parts(tables)) bytes_.emplace_back(part.begin(), part.end());
  }
  // Are the tables still as they were?
  [[nodiscard]] bool holds(const GatewayTables& tables) const {
    return std::ranges::equal(bytes_, parts(tables), [](const auto& a, const auto& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
    });
  }

 private:
  using Part = std::span<const std::byte>;
  static std::array<Part, 5> parts(const GatewayTables& tables) {
    return {Part{std::as_bytes(tables.env.flows4)}, Part{std::as_bytes(tables.env.flows6)},
            Part{std::as_bytes(tables.env.flows4_cold)}, Part{std::as_bytes(tables.env.flows6_cold)},
            Part{std::as_bytes(tables.env.budgets)}};
  }
  std::vector<std::vector<std::byte>> bytes_;
};

struct Arriving {
  Bytes frame;
  std::uint16_t ingress;
};

// A packet of few flows, so that most belong to a live one; or any of the named situations.
Arriving random_arrival(std::mt19937& random) {
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  if (below(6) == 0) {
    const Situation& situation = situations()[below(static_cast<std::uint32_t>(situations().size()))];
    return {situation.packet.bytes(), situation.ingress};
  }
  using namespace tcp;
  static constexpr std::uint8_t kFlags[] = {kSyn, kSyn, kSyn, kSyn | kAck, kAck, kFin | kAck, kRst | kAck, kRst | kAck};
  const bool from_lan = below(2) == 0, v6 = below(3) == 0;
  const std::uint8_t bits = kFlags[below(std::size(kFlags))];
  const std::uint32_t seq = 100 + below(2), ack = 100 + below(2), payload = below(20) == 0 ? 1480U : 0U;
  const auto client = static_cast<std::uint16_t>(1000 + below(3)), server = std::uint16_t{80};
  const auto ttl = static_cast<std::uint8_t>(below(20) == 0 ? 1 : 64);
  Packet packet = from_lan ? Packet{Eth{}} : Packet{on_wan()};
  if (v6)
    packet /= from_lan ? Ipv6{.hop_limit = ttl} : Ipv6{.src = "2001:db8:1::1", .dst = "2001:db8::1", .hop_limit = ttl};
  else
    packet /= from_lan ? Ipv4{.ttl = ttl} : Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1", .ttl = ttl};
  const std::uint16_t from = from_lan ? client : server, to = from_lan ? server : client;
  if (below(3) == 0)
    packet /= Udp{.sport = from, .dport = to};
  else
    packet /= Tcp{.sport = from, .dport = to, .seq = seq, .ack = ack, .flags = bits};
  packet /= Payload(payload);
  return {packet.bytes(), from_lan ? kLan : kWan};
}

// What the control plane does between packets.
void disturb(GatewayTables& tables, std::mt19937& random) {
  const auto place = random() % 4 == 0 ? DP_PLACE_USER : DP_PLACE_AUTO;
  switch (random() % 12) {
    case 0: tables.settings.stamp += 1U << 16; break;
    case 1: tables.settings.stamp += 1; break;
    case 2: tables.set_rules(kInside, kOutside, {any_rule(7, DP_ACTION_ALLOW, place)}); break;
    case 3: tables.set_rules(kInside, kOutside, {any_rule(8, DP_ACTION_DROP)}); break;
    case 4: tables.hop(2).flags ^= DP_NEXT_HOP_RESOLVED; break;
    case 5: tables.port(kWan).zone = tables.port(kWan).zone == kOutside ? kInside : kOutside; break;
    case 6: tables.settings.budget[random() % DP_BUDGETS] = static_cast<__u32>(random() % 3); break;
    case 7: tables.now += kHertz; break;
    case 8: tables.settings.crowded ^= DP_CROWDED_V4; break;
    default: break;
  }
}

bool is_refusal(int reason) { return reason == DP_HOST_BUDGET || reason == DP_STEER_BUDGET || reason == DP_TABLE_FULL; }

}  // namespace

TEST_CASE("a look writes nothing, says the same twice, and foretells what the decision does") {
  constexpr std::uint32_t kSeed = 20261128;
  std::mt19937 random(kSeed);
  std::array<std::uint32_t, 64> kinds{};
  for (int sequence = 0; sequence < 120; ++sequence) {
    GatewayTables tables;
    tables.allow();
    host_open(tables);
    for (int step = 0; step < 150; ++step) {
      if (random() % 8 == 0) disturb(tables, random);
      const Arriving arriving = random_arrival(random);
      const std::uint8_t side = random() % 3 == 0 ? DP_SIDE_ENGINE : DP_SIDE_KERNEL;
      INFO("seed " << kSeed << ", sequence " << sequence << ", step " << step);
      dp_context first, second;
      if (tables.read(arriving.frame, arriving.ingress, first) != DP_NONE) continue;
      first.side = side;
      second = first;
      const Snapshot before(tables);
      const int foretold = dp_look(&tables.env, &first);
      REQUIRE(foretold == dp_look(&tables.env, &second));
      REQUIRE(std::memcmp(&first, &second, sizeof(first)) == 0);
      REQUIRE(before.holds(tables));
      const int reason = tables.decide(arriving.frame, arriving.ingress, side);
      // a pair that moves is looked at again, and then the next hop has its say
      const bool moves = (first.operation.kinds & DP_OPERATION_MOVE) != 0;
      const bool as_foretold = reason == foretold || is_refusal(reason) || (moves && dp_engine_forwards(reason) != 0);
      INFO("foretold " << name_of(foretold) << ", is " << name_of(reason));
      REQUIRE(as_foretold);
      if (first.operation.kinds == 0 && first.operation.budget == DP_BUDGET_NONE) REQUIRE(before.holds(tables));
      ++kinds[first.operation.kinds];
    }
  }
  for (const int kind : {0, int{DP_OPERATION_DELETE}, int{DP_OPERATION_REFRESH}, int{DP_OPERATION_TRACK},
                         int{DP_OPERATION_INSTALL}, int{DP_OPERATION_REPLACE},
                         DP_OPERATION_DELETE | DP_OPERATION_INSTALL, DP_OPERATION_REFRESH | DP_OPERATION_TRACK})
    CHECK_MESSAGE(kinds[static_cast<std::size_t>(kind)] > 20, "operation ", kind);  // the walk has been everywhere
}
