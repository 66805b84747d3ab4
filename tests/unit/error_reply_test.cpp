// error_reply_test.cpp - every ICMP error and TCP reset the gateway makes, byte by byte, and when it must send none.
//
// Expectations are written from RFC 792, 1122, 1191, 1812, 4443 and 9293, with a sum of their own (harness/packet.hpp).

#include "engine/error_reply.hpp"

#include "engine/error_rate.hpp"

#include "common/target.h"

#include <doctest/doctest.h>

#include "harness/parsed.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

dp_address address(const char* text) {
  dp_address out{};
  if (inet_pton(AF_INET, text, out.word) != 1) inet_pton(AF_INET6, text, out.word);
  return out;
}

const PortAddresses kOwn{address("192.0.2.254"), address("2001:db8::fe")};

Bytes reply_to(ErrorReplyKind kind, const Packet& packet, std::uint16_t mtu = 0, const PortAddresses& own = kOwn) {
  const Bytes frame = packet.bytes();
  const Parsed parsed = parse(frame);
  REQUIRE(parsed.reason == DP_NONE);
  Bytes out(1536, 0xee);
  out.resize(write_error_reply(kind, frame, parsed.packet, own, mtu, out));
  return out;
}

bool may(ErrorReplyKind kind, const Packet& packet) {
  const Parsed parsed = parse(packet.bytes());
  REQUIRE(parsed.reason == DP_NONE);
  return may_reply(parsed.packet, kind);
}

Bytes part(const Bytes& from, std::size_t at, std::size_t size = SIZE_MAX) {
  return Bytes(from.begin() + static_cast<std::ptrdiff_t>(at),
               from.begin() + static_cast<std::ptrdiff_t>(at + std::min(size, from.size() - at)));
}

// Checksum over the pseudo header of what stands behind the IPv6 header at 14, or the IPv4 header for TCP.
std::uint16_t transport_sum(const Bytes& frame, bool v6, std::uint8_t protocol) {
  const std::size_t ip = 14, l4 = ip + (v6 ? 40 : 20);
  Bytes all = v6 ? part(frame, ip + 8, 32) : part(frame, ip + 12, 8);
  put32(all, static_cast<std::uint32_t>(frame.size() - l4));
  put32(all, protocol);
  put(all, part(frame, l4));
  return internet_checksum(all);
}

struct ErrorCase {
  const char* name;
  ErrorReplyKind kind;
  bool v6;
  std::uint8_t type, code;
};
constexpr ErrorCase kErrors[] = {
    {"time exceeded", ErrorReplyKind::time_exceeded, false, 11, 0},
    {"fragmentation needed", ErrorReplyKind::too_big, false, 3, 4},
    {"network unreachable", ErrorReplyKind::no_route, false, 3, 0},
    {"host unreachable", ErrorReplyKind::host_unreachable, false, 3, 1},
    {"administratively prohibited", ErrorReplyKind::prohibited, false, 3, 13},
    {"ICMPv6 time exceeded", ErrorReplyKind::time_exceeded, true, 3, 0},
    {"packet too big", ErrorReplyKind::too_big, true, 2, 0},
    {"no route to destination", ErrorReplyKind::no_route, true, 1, 0},
    {"address unreachable", ErrorReplyKind::host_unreachable, true, 1, 3},
    {"ICMPv6 administratively prohibited", ErrorReplyKind::prohibited, true, 1, 1},
};

Packet packet_of(bool v6, std::size_t payload = 20) {
  return v6 ? Eth{} / Ipv6{} / Udp{} / Payload(payload) : Eth{} / Ipv4{} / Udp{} / Payload(payload);
}

}  // namespace

TEST_CASE("an ICMP error goes to the packet's sender, with the right type, code and checksums, and quotes the packet") {
  for (const ErrorCase& c : kErrors) {
    INFO(c.name);
    const Packet packet = packet_of(c.v6);
    const Bytes original = packet.bytes(), made = reply_to(c.kind, packet, 1400);
    const std::size_t l4 = c.v6 ? 54 : 34;
    REQUIRE(made.size() == l4 + 8 + original.size() - 14);
    CHECK(part(made, 0, 6) == Bytes(kPeerMac.octets.begin(), kPeerMac.octets.end()));
    CHECK(part(made, 6, 6) == Bytes(kGatewayMac.octets.begin(), kGatewayMac.octets.end()));
    CHECK(made[l4] == c.type);
    CHECK(made[l4 + 1] == c.code);
    const std::uint16_t mtu_field = c.kind == ErrorReplyKind::too_big ? 1400 : 0;
    CHECK(part(made, l4 + 4, 4) ==
          Bytes{0, 0, static_cast<std::uint8_t>(mtu_field >> 8), static_cast<std::uint8_t>(mtu_field)});
    CHECK(part(made, l4 + 8) == part(original, 14));
    if (c.v6) {
      CHECK(part(made, 12, 2) == Bytes{0x86, 0xdd});
      CHECK(transport_sum(made, true, 58) == 0);
      CHECK(part(made, 22, 16) == part((Eth{} / Ipv6{.src = "2001:db8::fe"}).bytes(), 22, 16));
      CHECK(part(made, 38, 16) == part(original, 22, 16));
      CHECK((made[18] << 8 | made[19]) == static_cast<int>(made.size() - 54));
    } else {
      CHECK(internet_checksum(std::span{made}.subspan(14, 20)) == 0);
      CHECK(internet_checksum(std::span{made}.subspan(34)) == 0);
      CHECK(part(made, 26, 4) == Bytes{192, 0, 2, 254});
      CHECK(part(made, 30, 4) == part(original, 26, 4));
      CHECK((made[16] << 8 | made[17]) == static_cast<int>(made.size() - 14));
      CHECK(made[15] == 0xc0);
    }
    CHECK(parse(made, kPeerMac).reason == DP_NONE);
  }
}

TEST_CASE("an ICMP error is never longer than 576 bytes, an ICMPv6 error never longer than 1280") {
  for (const std::size_t payload :
       {std::size_t{500}, std::size_t{548}, std::size_t{549}, std::size_t{1300}, std::size_t{1400}}) {
    INFO(payload);
    const Bytes v4 = reply_to(ErrorReplyKind::time_exceeded, packet_of(false, payload));
    CHECK(v4.size() == 14 + std::min<std::size_t>(576, 28 + 28 + payload));
    CHECK(internet_checksum(std::span{v4}.subspan(34)) == 0);
    const Bytes v6 = reply_to(ErrorReplyKind::time_exceeded, packet_of(true, payload));
    CHECK(v6.size() == 14 + std::min<std::size_t>(1280, 48 + 48 + payload));
    CHECK(transport_sum(v6, true, 58) == 0);
  }
}

TEST_CASE("padding of the link is not quoted") {
  const Bytes padded = (Eth{} / Ipv4{} / Udp{}).padded(60);
  const Parsed parsed = parse(padded);
  Bytes out(1536);
  out.resize(write_error_reply(ErrorReplyKind::no_route, padded, parsed.packet, kOwn, 0, out));
  CHECK(out.size() == 14 + 28 + 28);
}

TEST_CASE("an ICMP error has the tags of the packet that it is about") {
  const Packet packet = Eth{} / Vlan{.id = 42} / Ipv4{} / Udp{};
  const Bytes made = reply_to(ErrorReplyKind::no_route, packet);
  CHECK(part(made, 12, 6) == part(packet.bytes(), 12, 6));
  CHECK(internet_checksum(std::span{made}.subspan(18, 20)) == 0);
}

TEST_CASE("a reset has the numbers that RFC 9293 3.10.7.1 requires") {
  struct {
    const char* name;
    Tcp tcp;
    std::size_t payload;
    std::uint32_t seq, ack;
    std::uint8_t flags;
  } cases[] = {
      {"of a SYN", {.seq = 1000, .flags = tcp::kSyn}, 0, 0, 1001, tcp::kRst | tcp::kAck},
      {"of a SYN with data", {.seq = 1000, .flags = tcp::kSyn}, 10, 0, 1011, tcp::kRst | tcp::kAck},
      {"of a SYN with options",
       {.seq = 1000, .flags = tcp::kSyn, .options = {2, 4, 5, 180}},
       0,
       0,
       1001,
       tcp::kRst | tcp::kAck},
      {"of a SYN at the end of the numbers", {.seq = 0xffffffff, .flags = tcp::kSyn}, 0, 0, 0, tcp::kRst | tcp::kAck},
      {"of a segment with ACK", {.seq = 1000, .ack = 5555, .flags = tcp::kAck}, 10, 5555, 0, tcp::kRst},
      {"of a FIN with ACK", {.seq = 1000, .ack = 5555, .flags = tcp::kFin | tcp::kAck}, 0, 5555, 0, tcp::kRst},
  };
  for (const auto& c : cases) {
    for (const bool v6 : {false, true}) {
      INFO(c.name << (v6 ? " over IPv6" : " over IPv4"));
      const Packet packet =
          v6 ? Eth{} / Ipv6{} / c.tcp / Payload(c.payload) : Eth{} / Ipv4{} / c.tcp / Payload(c.payload);
      const Bytes original = packet.bytes(), made = reply_to(ErrorReplyKind::reset, packet);
      const std::size_t l4 = v6 ? 54 : 34;
      REQUIRE(made.size() == l4 + 20);
      CHECK(part(made, l4, 2) == part(original, l4 + 2, 2));
      CHECK(part(made, l4 + 2, 2) == part(original, l4, 2));
      Bytes numbers;
      put32(numbers, c.seq);
      put32(numbers, c.ack);
      CHECK(part(made, l4 + 4, 8) == numbers);
      CHECK(made[l4 + 12] == 0x50);
      CHECK(made[l4 + 13] == c.flags);
      CHECK(transport_sum(made, v6, 6) == 0);
      // the reset's source is the packet's destination: RFC 9293 has no third party
      CHECK(part(made, v6 ? 22 : 26, v6 ? 16 : 4) == part(original, v6 ? 38 : 30, v6 ? 16 : 4));
    }
  }
}

TEST_CASE("no error is sent where the RFCs forbid it") {
  struct {
    const char* name;
    Packet packet;
    ErrorReplyKind kind;
  } cases[] = {
      {"about an ICMP error", Eth{} / Ipv4{} / Icmp{.type = 3} / Payload(28), ErrorReplyKind::no_route},
      {"about an ICMPv6 error", Eth{} / Ipv6{} / Icmp{.type = 1} / Payload(48), ErrorReplyKind::no_route},
      {"about a redirect", Eth{} / Ipv4{} / Icmp{.type = 5} / Payload(28), ErrorReplyKind::time_exceeded},
      {"about a later fragment", Eth{} / Ipv4{.offset = 10, .protocol = 17} / Payload(64),
       ErrorReplyKind::time_exceeded},
      {"about a later IPv6 fragment", Eth{} / Ipv6{} / Fragment6{.offset = 10, .next = 17} / Payload(64),
       ErrorReplyKind::time_exceeded},
      {"to a frame for another station", Eth{.dst = kPeerMac} / Ipv4{} / Udp{}, ErrorReplyKind::no_route},
      {"to a link-layer broadcast", Eth{.dst = kBroadcastMac} / Ipv4{} / Udp{}, ErrorReplyKind::no_route},
      {"about a multicast destination", Eth{} / Ipv4{.dst = "239.1.1.1"} / Udp{}, ErrorReplyKind::no_route},
      {"to 0.0.0.0", Eth{} / Ipv4{.src = "0.0.0.0"} / Udp{}, ErrorReplyKind::no_route},
      {"to a multicast source", Eth{} / Ipv4{.src = "224.0.0.1"} / Udp{}, ErrorReplyKind::no_route},
      {"to a loopback source", Eth{} / Ipv4{.src = "127.0.0.1"} / Udp{}, ErrorReplyKind::no_route},
      {"to a class E source", Eth{} / Ipv4{.src = "240.0.0.1"} / Udp{}, ErrorReplyKind::no_route},
      {"to the unspecified IPv6 address", Eth{} / Ipv6{.src = "::"} / Udp{}, ErrorReplyKind::no_route},
      {"to an IPv6 multicast source", Eth{} / Ipv6{.src = "ff02::1"} / Udp{}, ErrorReplyKind::no_route},
      {"to a reset, with a reset", Eth{} / Ipv4{} / Tcp{.flags = tcp::kRst}, ErrorReplyKind::reset},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    CHECK_FALSE(may(c.kind, c.packet));
  }
}

TEST_CASE("errors are sent about echo requests, first fragments and ordinary packets") {
  CHECK(may(ErrorReplyKind::time_exceeded, Eth{} / Ipv4{} / Icmp{}));
  CHECK(may(ErrorReplyKind::time_exceeded, Eth{} / Ipv4{.mf = true} / Udp{} / Payload(800)));
  CHECK(may(ErrorReplyKind::reset, Eth{} / Ipv4{} / Tcp{}));
  CHECK(may(ErrorReplyKind::too_big, Eth{} / Ipv6{} / Udp{}));
}

TEST_CASE("no error is sent to a station that is none, or is the gateway itself") {
  const MacAddress own[] = {kGatewayMac.octets, {0, 0, 0x5e, 0, 1, 7}};
  const auto may_go_to = [&](const Mac& station) {
    const Packet packet = Eth{.src = station} / Ipv4{} / Udp{};
    return may_reply_to(packet.bytes(), own);
  };
  CHECK(may_go_to(kPeerMac));
  CHECK_FALSE(may_go_to(kBroadcastMac));
  CHECK_FALSE(may_go_to(kMulticastMac));
  CHECK_FALSE(may_go_to(Mac{}));
  CHECK_FALSE(may_go_to(kGatewayMac));
  CHECK_FALSE(may_go_to(Mac{own[1]}));
}

TEST_CASE("a wrong transport checksum is told from a right one, and from none") {
  const auto right = [](const Packet& packet) {
    const Bytes frame = packet.bytes();
    const Parsed parsed = parse(frame);
    REQUIRE(parsed.reason == DP_NONE);
    return transport_checksum_right(frame, parsed.packet);
  };
  for (const std::size_t payload : {0, 1, 2, 777}) {
    CAPTURE(payload);
    CHECK(right(Eth{} / Ipv4{} / Tcp{} / Payload(payload)));
    CHECK(right(Eth{} / Ipv6{} / Tcp{} / Payload(payload)));
    CHECK(right(Eth{} / Ipv4{} / Udp{} / Payload(payload)));
    CHECK(right(Eth{} / Ipv6{} / Udp{} / Payload(payload)));
    CHECK(right(Eth{} / Ipv4{} / Icmp{} / Payload(payload)));
    CHECK(right(Eth{} / Ipv6{} / Icmp{.type = 128} / Payload(payload)));
    CHECK_FALSE(right(Eth{} / Ipv4{} / Tcp{.checksum = 1} / Payload(payload)));
    CHECK_FALSE(right(Eth{} / Ipv6{} / Tcp{.checksum = 1} / Payload(payload)));
    CHECK_FALSE(right(Eth{} / Ipv4{} / Udp{.checksum = 1} / Payload(payload)));
    CHECK_FALSE(right(Eth{} / Ipv4{} / Icmp{.checksum = 1} / Payload(payload)));
    CHECK_FALSE(right(Eth{} / Ipv6{} / Icmp{.type = 128, .checksum = 1} / Payload(payload)));
  }
  CHECK(right(Eth{} / Ipv4{} / Udp{.checksum = 0}));
  CHECK_FALSE(right(Eth{} / Ipv6{} / Udp{.checksum = 0}));
  CHECK(right(Eth{} / Ipv4{.protocol = 50} / Payload(40)));
  CHECK(right(Eth{} / Ipv4{.mf = true} / Udp{.checksum = 1} / Payload(800)));
}

TEST_CASE("one host gets so many errors in a second, whoever asks in its name, and others theirs") {
  ErrorRate rate;
  const dp_address victim = address("192.0.2.1"), other = address("2001:db8::1");
  constexpr std::uint32_t kTicks = 100;
  std::uint32_t sent = 0;
  for (int i = 0; i < 1000; ++i) sent += rate.take(victim, 5000, kTicks) ? 1 : 0;
  CHECK(sent == ErrorRate::kPerHostAndSecond);
  CHECK(rate.take(other, 5000, kTicks));
  CHECK_FALSE(rate.take(victim, 5000 + kTicks - 1, kTicks));
  CHECK(rate.take(victim, 5000 + kTicks, kTicks));
}

TEST_CASE("without an address of its family on the port, or without room, nothing is written") {
  CHECK(reply_to(ErrorReplyKind::no_route, packet_of(false), 0, {{}, address("2001:db8::fe")}).empty());
  CHECK(reply_to(ErrorReplyKind::no_route, packet_of(true), 0, {address("192.0.2.254"), {}}).empty());
  const Bytes frame = packet_of(false).bytes();
  const Parsed parsed = parse(frame);
  Bytes small(40, 0xee);
  CHECK(write_error_reply(ErrorReplyKind::no_route, frame, parsed.packet, kOwn, 0, small) == 0);
}
