// The packet quoted in an ICMP error is read as it was sent, though only its beginning is there.
#include <doctest/doctest.h>

#include "common/parse/quote.h"
#include "harness/parsed.hpp"

using namespace twinpath::test;

namespace {

struct Quoted {
  dp_reason reason;
  dp_packet packet;
};

Quoted quote(const Bytes& frame) {
  const Parsed outer = parse(frame);
  REQUIRE(outer.reason == DP_NONE);
  REQUIRE((outer.packet.flags & DP_PACKET_ICMP_ERROR) != 0);
  Quoted quoted{};
  std::memset(&quoted.packet, 0xff, sizeof quoted.packet);
  quoted.reason = dp_parse_quote(frame.data(), frame.data() + frame.size(), &outer.packet, &quoted.packet);
  return quoted;
}

// The error a router at 203.0.113.9 or 2001:db8::9 sends about the first `size` bytes of `inner`'s IP packet.
Bytes error4(const Packet& inner, std::size_t size) {
  Bytes data = inner.bytes();
  data.erase(data.begin(), data.begin() + 14);
  data.resize(std::min(size, data.size()));
  return (Eth{} / Ipv4{.src = "203.0.113.9", .dst = "192.0.2.1"} / Icmp{.type = 11} / Raw{data}).bytes();
}

Bytes error6(const Packet& inner, std::size_t size) {
  Bytes data = inner.bytes();
  data.erase(data.begin(), data.begin() + 14);
  data.resize(std::min(size, data.size()));
  return (Eth{} / Ipv6{.src = "2001:db8::9", .dst = "2001:db8::1"} / Icmp{.type = 3} / Raw{data}).bytes();
}

}  // namespace

TEST_CASE("a quote has the facts its packet had when it was parsed whole") {
  struct {
    const char* name;
    Packet sent;
    std::size_t header_bytes;  // of IP
  } rows[] = {
      {"TCP", Eth{} / Ipv4{.df = true} / Tcp{.seq = 77} / Payload(100), 20},
      {"UDP", Eth{} / Ipv4{} / Udp{} / Payload(100), 20},
      {"echo request", Eth{} / Ipv4{} / Icmp{.id = 9} / Payload(56), 20},
      {"echo reply", Eth{} / Ipv4{} / Icmp{.type = 0, .id = 9} / Payload(56), 20},
      {"IPv4 options", Eth{} / Ipv4{.options = {1, 1, 1, 0}} / Udp{} / Payload(100), 24},
      {"first fragment", Eth{} / Ipv4{.mf = true} / Udp{.length = 999} / Payload(104), 20},
      {"later fragment", Eth{} / Ipv4{.offset = 9, .protocol = 17} / Payload(104), 20},
      {"ESP", Eth{} / Ipv4{.protocol = 50} / Payload(104), 20},
      {"TCP over IPv6", Eth{} / Ipv6{} / Tcp{.seq = 77} / Payload(100), 40},
      {"ICMPv6 echo request", Eth{} / Ipv6{} / Icmp{.type = 128, .id = 9} / Payload(100), 40},
      {"behind IPv6 options", Eth{} / Ipv6{} / hop_by_hop() / Udp{} / Payload(100), 48},
      {"IPv6 later fragment", Eth{} / Ipv6{} / Fragment6{.offset = 9, .next = 17} / Payload(100), 48},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dp_packet want = parse(row.sent.bytes()).packet;
    const bool v4 = want.family == DP_FAMILY_V4;
    for (std::size_t size : {row.header_bytes + 8, row.header_bytes + 60}) {
      const auto [reason, found] = quote(v4 ? error4(row.sent, size) : error6(row.sent, size));
      CHECK(reason == DP_NONE);
      CHECK(dp_address_equal(&found.source, &want.source));
      CHECK(dp_address_equal(&found.destination, &want.destination));
      CHECK(found.source_port == want.source_port);
      CHECK(found.destination_port == want.destination_port);
      CHECK(found.family == want.family);
      CHECK(found.protocol == want.protocol);
      CHECK(found.flags == (want.flags & ~DP_PACKET_TO_US));
      CHECK(found.tcp_sequence == want.tcp_sequence);
      const unsigned start = 14 + (v4 ? 20 : 40) + 8;
      CHECK(found.l3_offset == start);
      CHECK(found.l4_offset == (want.l4_offset ? start + want.l4_offset - 14 : 0));
      CHECK(found.l3_bytes == size);
    }
  }
}

TEST_CASE("a quote that cannot be read says why") {
  const Packet tcp = Eth{} / Ipv4{} / Tcp{}, six = Eth{} / Ipv6{} / Tcp{};
  CHECK(quote(error4(tcp, 0)).reason == DP_SHORT_L3);
  CHECK(quote(error4(tcp, 19)).reason == DP_SHORT_L3);
  CHECK(quote(error4(tcp, 27)).reason == DP_SHORT_L4);
  CHECK(quote(error4(Eth{} / Ipv4{.ihl = 4} / Tcp{}, 40)).reason == DP_BAD_HEADER_LENGTH);
  CHECK(quote(error4(Eth{} / Ipv4{.ihl = 15} / Tcp{}, 40)).reason == DP_SHORT_L3);
  CHECK(quote(error4(six, 60)).reason == DP_BAD_VERSION);
  CHECK(quote(error6(six, 39)).reason == DP_SHORT_L3);
  CHECK(quote(error6(six, 47)).reason == DP_SHORT_L4);
  CHECK(quote(error6(tcp, 40)).reason == DP_BAD_VERSION);
  CHECK(quote(error6(Eth{} / Ipv6{.next = 60}, 40)).reason == DP_SHORT_L3);
}

TEST_CASE("a quote that is damaged on its way, but still names its flow, is read") {
  const auto [reason, packet] =
      quote(error4(Eth{} / Ipv4{.total_length = 9, .checksum = 0} / Tcp{.dport = 443, .flags = 0}, 28));
  CHECK(reason == DP_NONE);
  CHECK(packet.destination_port == htons(443));
}
