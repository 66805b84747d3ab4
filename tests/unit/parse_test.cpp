// What dp_parse and dp_parse_plain find in good frames.
#include <doctest/doctest.h>

#include "harness/parsed.hpp"

using namespace twinpath::test;

TEST_CASE("parsing a TCP segment over IPv4 sets every fact") {
  const Packet syn = Eth{} / Ipv4{.ttl = 63, .df = true} / Tcp{.sport = 1025, .dport = 443, .seq = 7, .ack = 9};
  const auto [reason, plain, packet] = parse(syn.padded(60));
  REQUIRE(reason == DP_NONE);
  CHECK(packet.source.word[0] == inet_addr("192.0.2.1"));
  CHECK(packet.destination.word[0] == inet_addr("198.51.100.1"));
  CHECK(packet.source_port == htons(1025));
  CHECK(packet.destination_port == htons(443));
  CHECK(packet.family == DP_FAMILY_V4);
  CHECK(packet.protocol == 6);
  CHECK(packet.ttl == 63);
  CHECK(packet.flags == (DP_PACKET_TO_US | DP_PACKET_IP | DP_PACKET_DONT_FRAGMENT));
  CHECK(packet.frame_bytes == 60);
  CHECK(packet.l3_bytes == 40);
  CHECK(packet.ether_type == 0x0800);
  CHECK(packet.l3_offset == 14);
  CHECK(packet.l4_offset == 34);
  CHECK(packet.tcp_flags == tcp::kSyn);
  CHECK(packet.tcp_sequence == htonl(7));
  CHECK(packet.tcp_acknowledgement == htonl(9));
}

TEST_CASE("parsing leaves ingress and zone to the caller") {
  for (const Packet& frame : {Eth{} / Ipv4{} / Tcp{}, Eth{} / Vlan{} / Ipv6{} / Udp{}}) {
    for (const Parsed& parsed : {parse(frame.bytes()), parse_plain(frame.bytes())}) {
      CHECK(parsed.packet.ingress == 0xffff);
      CHECK(parsed.packet.zone == 0xff);
    }
  }
}

TEST_CASE("the destination MAC is ours, a group's, or neither") {
  struct {
    const char* name;
    Mac destination;
    unsigned want;
  } rows[] = {
      {"ours", kGatewayMac, DP_PACKET_TO_US},
      {"broadcast", kBroadcastMac, DP_PACKET_LINK_GROUP},
      {"multicast", kMulticastMac, DP_PACKET_LINK_GROUP},
      {"another station's", kPeerMac, 0},
      {"differs in the last octet", Mac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x03}}, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const Packet frame = Eth{.dst = row.destination} / Ipv4{} / Udp{};
    CHECK((parse(frame.bytes()).packet.flags & (DP_PACKET_TO_US | DP_PACKET_LINK_GROUP)) == row.want);
    CHECK(parse_plain(frame.bytes()).plain == (row.want == DP_PACKET_TO_US));
  }
}

TEST_CASE("a port whose own address is a group's still recognises itself") {
  const Packet frame = Eth{.dst = kMulticastMac} / Ipv4{} / Udp{};
  CHECK((parse(frame.bytes(), kMulticastMac).packet.flags & DP_PACKET_TO_US) != 0);
}

TEST_CASE("tags are counted, and move the headers behind them") {
  struct {
    const char* name;
    Packet frame;
    unsigned tags, vlan, inner, l3;
  } rows[] = {
      {"untagged", Eth{} / Ipv4{} / Tcp{}, 0, 0, 0, 14},
      {"one tag", Eth{} / Vlan{.id = 7} / Ipv4{} / Tcp{}, 1, 7, 0, 18},
      {"one service tag", Eth{} / Vlan{.id = 7, .tpid = 0x88a8} / Ipv6{} / Tcp{}, 1, 7, 0, 18},
      {"priority is no part of the id", Eth{} / Vlan{.id = 4094, .priority = 7} / Ipv4{} / Tcp{}, 1, 4094, 0, 18},
      {"priority tag", Eth{} / Vlan{.id = 0, .priority = 5} / Ipv4{} / Tcp{}, 1, 0, 0, 18},
      {"two tags", Eth{} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8} / Ipv6{} / Tcp{}, 2, 7, 8, 22},
      {"two customer tags", Eth{} / Vlan{.id = 1} / Vlan{.id = 2} / Ipv4{} / Tcp{}, 2, 1, 2, 22},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto [reason, plain, packet] = parse(row.frame.bytes());
    CHECK(reason == DP_NONE);
    CHECK(packet.tags == row.tags);
    CHECK(packet.vlan == row.vlan);
    CHECK(packet.inner_vlan == row.inner);
    CHECK(packet.l3_offset == row.l3);
    CHECK(packet.l4_offset == row.l3 + (packet.family == DP_FAMILY_V4 ? 20 : 40));
  }
}

TEST_CASE("a tag with id 0 names no VLAN: it is there, and says nothing (802.1Q)") {
  struct {
    const char* name;
    Packet packet;
    std::uint16_t vlan, inner;
    std::uint8_t tags;
  } cases[] = {
      {"alone", Eth{} / Vlan{.id = 0, .priority = 5} / Ipv4{} / Udp{}, 0, 0, 1},
      {"a service tag", Eth{} / Vlan{.id = 0, .tpid = 0x88a8} / Ipv4{} / Udp{}, 0, 0, 1},
      {"in front of a tag", Eth{} / Vlan{.id = 0} / Vlan{.id = 7} / Ipv4{} / Udp{}, 7, 0, 2},
      {"behind a tag", Eth{} / Vlan{.id = 7} / Vlan{.id = 0} / Ipv4{} / Udp{}, 7, 0, 2},
      {"twice", Eth{} / Vlan{.id = 0} / Vlan{.id = 0} / Ipv4{} / Udp{}, 0, 0, 2},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const Parsed parsed = parse(c.packet.bytes());
    CHECK(parsed.reason == DP_NONE);
    CHECK(parsed.packet.vlan == c.vlan);
    CHECK(parsed.packet.inner_vlan == c.inner);
    CHECK(parsed.packet.tags == c.tags);
    CHECK(parsed.packet.l3_offset == 14 + 4 * c.tags);
  }
}

TEST_CASE("what is not IP is no objection, only not IP") {
  struct {
    const char* name;
    Packet frame;
    unsigned ether_type;
  } rows[] = {
      {"ARP", Eth{.dst = kBroadcastMac} / Arp{}, 0x0806},
      {"tagged ARP", Eth{} / Vlan{} / Arp{}, 0x0806},
      {"LLDP", Eth{.type = 0x88cc} / Payload(20), 0x88cc},
      {"802.3 length", Eth{.type = 46} / Payload(46), 46},
      {"nothing behind the header", Packet(Eth{.type = 0x9000}), 0x9000},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto [reason, plain, packet] = parse(row.frame.bytes());
    CHECK(reason == DP_NONE);
    CHECK((packet.flags & DP_PACKET_IP) == 0);
    CHECK(packet.family == DP_FAMILY_NONE);
    CHECK(packet.ether_type == row.ether_type);
    CHECK_FALSE(parse_plain(row.frame.bytes()).plain);
  }
}

TEST_CASE("fragments are told apart: first, later, atomic, whole") {
  constexpr unsigned kFirst = DP_PACKET_FRAGMENT | DP_PACKET_FIRST_FRAGMENT, kLater = DP_PACKET_FRAGMENT;
  struct {
    const char* name;
    Packet frame;
    unsigned want;
    unsigned l4_offset;
    unsigned port;
  } rows[] = {
      {"whole", Eth{} / Ipv4{} / Udp{}, 0, 34, 53},
      {"first", Eth{} / Ipv4{.mf = true} / Udp{.length = 1000} / Payload(16), kFirst, 34, 53},
      {"middle", Eth{} / Ipv4{.mf = true, .offset = 4, .protocol = 17} / Payload(16), kLater, 0, 0},
      {"last", Eth{} / Ipv4{.offset = 4, .protocol = 17} / Payload(3), kLater, 0, 0},
      {"IPv6 first", Eth{} / Ipv6{} / Fragment6{.more = true} / Udp{.length = 99} / Payload(16), kFirst, 62, 53},
      {"IPv6 last", Eth{} / Ipv6{} / Fragment6{.offset = 4, .next = 17} / Payload(3), kLater, 0, 0},
      {"IPv6 later behind options", Eth{} / Ipv6{} / hop_by_hop() / Fragment6{.offset = 4, .next = 17} / Payload(3),
       kLater, 0, 0},
      {"IPv6 atomic", Eth{} / Ipv6{} / Fragment6{} / Udp{}, DP_PACKET_ATOMIC, 62, 53},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto [reason, plain, packet] = parse(row.frame.bytes());
    CHECK(reason == DP_NONE);
    CHECK(packet.protocol == 17);
    CHECK((packet.flags & (DP_PACKET_FRAGMENT | DP_PACKET_FIRST_FRAGMENT | DP_PACKET_ATOMIC)) == row.want);
    CHECK(packet.l4_offset == row.l4_offset);
    CHECK(ntohs(packet.destination_port) == row.port);
  }
}

TEST_CASE("a later IPv6 fragment has the protocol of its fragment header, even an extension header's") {
  const Packet frame = Eth{} / Ipv6{} / Fragment6{.offset = 8, .next = 60} / Payload(8);
  const auto [reason, plain, packet] = parse(frame.bytes());
  CHECK(reason == DP_NONE);
  CHECK(packet.protocol == 60);
  CHECK(packet.l4_offset == 0);
}

TEST_CASE("ICMP queries and answers have ports that mirror one another") {
  struct {
    const char* name;
    Packet query, answer;
    unsigned kind;
  } rows[] = {
      {"echo", Eth{} / Ipv4{} / Icmp{.type = 8, .id = 77}, Eth{} / Ipv4{} / Icmp{.type = 0, .id = 77}, 8 << 8},
      {"timestamp", Eth{} / Ipv4{} / Icmp{.type = 13, .id = 77}, Eth{} / Ipv4{} / Icmp{.type = 14, .id = 77}, 13 << 8},
      {"ICMPv6 echo", Eth{} / Ipv6{} / Icmp{.type = 128, .id = 77}, Eth{} / Ipv6{} / Icmp{.type = 129, .id = 77},
       128 << 8},
      {"echo with a code", Eth{} / Ipv4{} / Icmp{.type = 8, .code = 3, .id = 77},
       Eth{} / Ipv4{} / Icmp{.type = 0, .code = 3, .id = 77}, 8 << 8 | 3},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dp_packet query = parse(row.query.bytes()).packet, answer = parse(row.answer.bytes()).packet;
    CHECK(query.source_port == htons(77));
    CHECK(query.destination_port == htons(static_cast<std::uint16_t>(row.kind)));
    CHECK(query.source_port == answer.destination_port);
    CHECK(query.destination_port == answer.source_port);
    CHECK((query.flags & (DP_PACKET_ICMP_QUERY | DP_PACKET_ICMP_ANSWER)) == DP_PACKET_ICMP_QUERY);
    CHECK((answer.flags & (DP_PACKET_ICMP_QUERY | DP_PACKET_ICMP_ANSWER)) == DP_PACKET_ICMP_ANSWER);
  }
}

TEST_CASE("ICMP that is neither query nor answer has no ports, and errors are flagged") {
  struct {
    const char* name;
    Packet frame;
    bool error;
  } rows[] = {
      {"unreachable", Eth{} / Ipv4{} / Icmp{.type = 3, .code = 1} / Payload(28), true},
      {"redirect", Eth{} / Ipv4{} / Icmp{.type = 5} / Payload(28), true},
      {"time exceeded", Eth{} / Ipv4{} / Icmp{.type = 11} / Payload(28), true},
      {"address mask request", Eth{} / Ipv4{} / Icmp{.type = 17}, false},
      {"router advertisement of IPv4", Eth{} / Ipv4{} / Icmp{.type = 9}, false},
      {"ICMPv6 too big", Eth{} / Ipv6{} / Icmp{.type = 2} / Payload(48), true},
      {"ICMPv6 unknown error", Eth{} / Ipv6{} / Icmp{.type = 100} / Payload(48), true},
      {"neighbour solicitation", Eth{} / Ipv6{.hop_limit = 255} / Icmp{.type = 135} / Payload(16), false},
      {"ICMPv6 redirect", Eth{} / Ipv6{} / Icmp{.type = 137} / Payload(32), false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto [reason, plain, packet] = parse(row.frame.bytes());
    CHECK(reason == DP_NONE);
    CHECK(packet.source_port == 0);
    CHECK(packet.destination_port == 0);
    CHECK(((packet.flags & DP_PACKET_ICMP_ERROR) != 0) == row.error);
    CHECK((packet.flags & (DP_PACKET_ICMP_QUERY | DP_PACKET_ICMP_ANSWER)) == 0);
  }
}

TEST_CASE("protocols without ports have none, whatever their bytes look like") {
  for (std::uint8_t protocol : {4, 41, 47, 50, 51, 58, 89, 132, 135, 253}) {
    CAPTURE(int{protocol});
    const auto [reason, plain, packet] = parse((Eth{} / Ipv4{.protocol = protocol} / Payload(32)).bytes());
    CHECK(reason == DP_NONE);
    CHECK(packet.protocol == protocol);
    CHECK(packet.source_port == 0);
    CHECK(packet.destination_port == 0);
    CHECK(packet.l4_offset == 34);
  }
}

TEST_CASE("an IPv6 chain ends at the first header that is not followed") {
  struct {
    const char* name;
    Packet frame;
    unsigned protocol, l4_offset, flags;
  } rows[] = {
      {"options twice", Eth{} / Ipv6{} / hop_by_hop() / destination_options() / Tcp{}, 6, 70, 0},
      {"routing header", Eth{} / Ipv6{} / routing(2) / Tcp{}, 6, 62, DP_PACKET_SOURCE_ROUTE},
      {"authentication", Eth{} / Ipv6{.next = 51} / Payload(24), 51, 54, 0},
      {"ESP behind options", Eth{} / Ipv6{} / Extension{.next = 50} / Payload(24), 50, 62, 0},
      {"longest options", Eth{} / Ipv6{} / Extension{.protocol = 0, .body = Bytes(2046, 0)} / Udp{}, 17, 2102, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto [reason, plain, packet] = parse(row.frame.bytes());
    CHECK(reason == DP_NONE);
    CHECK(packet.protocol == row.protocol);
    CHECK(packet.l4_offset == row.l4_offset);
    CHECK((packet.flags & DP_PACKET_SOURCE_ROUTE) == row.flags);
  }
}

TEST_CASE("all 256 TCP flag bytes are judged as the RFC's sentence reads") {
  for (int flags = 0; flags < 256; ++flags) {
    CAPTURE(flags);
    const bool syn = flags & tcp::kSyn, fin = flags & tcp::kFin, rst = flags & tcp::kRst, ack = flags & tcp::kAck;
    const bool nobody_sends_it = (syn && (fin || rst)) || (fin && !ack) || (!syn && !rst && !ack);
    const Packet frame = Eth{} / Ipv4{} / Tcp{.flags = static_cast<std::uint8_t>(flags)};
    CHECK(parse(frame.bytes()).reason == (nobody_sends_it ? DP_BAD_TCP_FLAGS : DP_NONE));
    CHECK(parse_plain(frame.bytes()).plain == !nobody_sends_it);
  }
}

TEST_CASE("a frame whose tail lies in other buffers is parsed by its headers") {
  const Bytes frame = (Eth{} / Ipv4{} / Tcp{} / Payload(200)).bytes();
  const Bytes linear(frame.begin(), frame.begin() + 60);
  dp_packet packet{}, plain{};
  CHECK(dp_parse(linear.data(), linear.data() + linear.size(), static_cast<__u32>(frame.size()),
                 kGatewayMac.octets.data(), &packet) == DP_NONE);
  CHECK(packet.l3_bytes == 240);
  CHECK(packet.frame_bytes == frame.size());
  CHECK(dp_parse_plain(linear.data(), linear.data() + linear.size(), static_cast<__u32>(frame.size()),
                       kGatewayMac.octets.data(), &plain) == 1);
  CHECK(same_facts(packet, plain));
}

TEST_CASE("the straight line takes the plain and nothing else, with the facts of dp_parse") {
  struct {
    const char* name;
    Packet frame;
    bool plain;
  } rows[] = {
      {"TCP over IPv4", Eth{} / Ipv4{} / Tcp{} / Payload(3), true},
      {"TCP with options", Eth{} / Ipv4{.df = true} / Tcp{.options = {2, 4, 5, 180}}, true},
      {"TCP over IPv6", Eth{} / Ipv6{} / Tcp{.flags = tcp::kAck}, true},
      {"UDP over IPv4", Eth{} / Ipv4{} / Udp{} / Payload(3), true},
      {"UDP over IPv6", Eth{} / Ipv6{} / Udp{} / Payload(3), true},
      {"tagged", Eth{} / Vlan{} / Ipv4{} / Tcp{}, false},
      {"IPv4 options", Eth{} / Ipv4{.options = {1, 1, 1, 0}} / Tcp{}, false},
      {"IPv6 options", Eth{} / Ipv6{} / hop_by_hop() / Tcp{}, false},
      {"first fragment", Eth{} / Ipv4{.mf = true} / Tcp{} / Payload(4), false},
      {"atomic fragment", Eth{} / Ipv6{} / Fragment6{} / Tcp{}, false},
      {"ICMP", Eth{} / Ipv4{} / Icmp{}, false},
      {"ESP", Eth{} / Ipv4{.protocol = 50} / Payload(40), false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const Parsed slow = parse(row.frame.padded()), fast = parse_plain(row.frame.padded());
    CHECK(slow.reason == DP_NONE);
    CHECK(fast.plain == row.plain);
    if (fast.plain) CHECK(same_facts(slow.packet, fast.packet));
  }
}
