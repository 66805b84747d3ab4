// A translated packet is, byte for byte, the one that the builder makes from the new addresses: so every checksum that
// was updated is right too.
#include <doctest/doctest.h>

#include <random>

#include "common/parse/quote.h"
#include "harness/translation.hpp"

using namespace twinpath::test;

namespace {

constexpr unsigned kSeed = 30;

dp_edits edits_of(const dp_packet& packet, const dp_flow_half& half) {
  const dp_flow_view view = view_of(half, true);
  dp_edits edits{};
  dp_translate_edits(&packet, &view, &edits);
  return edits;
}

Bytes applied(Bytes frame, const dp_edits& edits, std::size_t l3_offset) {
  CHECK(dp_translate_apply(frame.data() + l3_offset, frame.data() + frame.size(), &edits) == 1);
  return frame;
}

// Translates `before` into the flow that `after` shows.
Bytes translated(const Packet& before, const Packet& after) {
  const dp_packet from = parse(before.bytes()).packet;
  const dp_packet to = parse(after.bytes()).packet;
  return applied(before.bytes(), edits_of(from, half_between(from, to)), from.l3_offset);
}

struct Translation {
  Packet before, after;
};

// The same packet, once with random addresses and ports and once with others.
Translation random_translation(std::mt19937& random) {
  const auto octet = [&] { return static_cast<std::uint8_t>(random()); };
  const auto port = [&] { return static_cast<std::uint16_t>(1 + random() % 65535); };
  const auto address4 = [&] { return Ip4(std::array<std::uint8_t, 4>{octet(), octet(), octet(), octet()}); };
  const auto address6 = [&] {
    std::array<std::uint8_t, 16> octets{};
    for (auto& one : octets) one = octet();
    return Ip6(octets);
  };
  const Raw payload = Payload(random() % 64);
  const bool v4 = random() % 2;
  const unsigned kind = random() % 4;
  const auto side = [&] {
    Packet packet{Eth{}};
    packet /=
        v4 ? Layer{Ipv4{.src = address4(), .dst = address4()}} : Layer{Ipv6{.src = address6(), .dst = address6()}};
    if (kind == 0) return packet / Tcp{.sport = port(), .dport = port()} / payload;
    if (kind == 1) return packet / Udp{.sport = port(), .dport = port()} / payload;
    if (kind == 2 && v4) return packet / Udp{.sport = port(), .dport = port(), .checksum = 0} / payload;
    const int replies = payload.data.size() % 2;
    return packet / Icmp{.type = static_cast<std::uint8_t>(v4 ? 8 - 8 * replies : 128 + replies), .id = port()} /
           payload;
  };
  Packet before = side();
  return {std::move(before), side()};
}

// What the bytes from `begin` to `end`, checks taken for zero, add to a sum in `after` and did not in `before`. As
// 16-bit words on the wire, modulo 0xffff.
std::uint32_t difference_of(Bytes before, Bytes after, const dp_edits& edits, std::size_t begin, std::size_t end) {
  const auto sum = [&](Bytes& frame) {
    const std::size_t l4 = 14U + edits.l4_at;
    if (edits.family == DP_FAMILY_V4) frame[24] = frame[25] = 0;
    frame[l4 + edits.check_at] = frame[l4 + edits.check_at + 1] = 0;
    const std::uint16_t check = internet_checksum(std::span{frame}.subspan(begin, end - begin));
    return static_cast<std::uint32_t>(htons(static_cast<std::uint16_t>(~check)));
  };
  return (sum(after) + 0xffff - sum(before)) % 0xffff;
}

// The error that a router sends about the first `size` bytes of an IP packet.
Bytes error_about(const Packet& packet, std::size_t size) {
  Bytes data = packet.bytes();
  const bool v4 = data[14] >> 4 == 4;
  data.erase(data.begin(), data.begin() + 14);
  data.resize(std::min(size, data.size()));
  if (v4) return (Eth{} / Ipv4{.src = "203.0.113.9", .dst = "192.0.2.1"} / Icmp{.type = 11} / Raw{data}).bytes();
  return (Eth{} / Ipv6{.src = "2001:db8::9", .dst = "2001:db8::1"} / Icmp{.type = 3} / Raw{data}).bytes();
}

// The half of the opposite direction of `half`.
dp_flow_half turned_round(const dp_flow_half& half) {
  dp_flow_half replies{};
  replies.source = half.new_destination;
  replies.destination = half.new_source;
  replies.source_port = half.new_destination_port;
  replies.destination_port = half.new_source_port;
  replies.new_source = half.destination;
  replies.new_destination = half.source;
  replies.new_source_port = half.destination_port;
  replies.new_destination_port = half.source_port;
  return replies;
}

}  // namespace

TEST_CASE("NAT changes addresses, ports, and every checksum that covers them") {
  const Ipv4 in4{.ttl = 64}, out4{.src = "203.0.113.7", .ttl = 64}, dnat4{.dst = "203.0.113.80", .ttl = 64};
  const Ipv6 in6{.hop_limit = 64}, out6{.src = "2001:db8:ffff::7", .hop_limit = 64};
  struct {
    const char* name;
    Packet before, after;
  } rows[] = {
      {"TCP, source", Eth{} / in4 / Tcp{} / Payload(7), Eth{} / out4 / Tcp{.sport = 61000} / Payload(7)},
      {"TCP, destination", Eth{} / in4 / Tcp{}, Eth{} / dnat4 / Tcp{.dport = 8080}},
      {"TCP, port kept", Eth{} / in4 / Tcp{}, Eth{} / out4 / Tcp{}},
      {"UDP, source", Eth{} / in4 / Udp{} / Payload(8), Eth{} / out4 / Udp{.sport = 61000} / Payload(8)},
      {"UDP without checksum", Eth{} / in4 / Udp{.checksum = 0}, Eth{} / out4 / Udp{.sport = 61000, .checksum = 0}},
      {"echo request, identifier", Eth{} / in4 / Icmp{.type = 8, .id = 7}, Eth{} / out4 / Icmp{.type = 8, .id = 9}},
      {"echo reply, identifier", Eth{} / in4 / Icmp{.type = 0, .id = 9}, Eth{} / dnat4 / Icmp{.type = 0, .id = 7}},
      {"timestamp, identifier", Eth{} / in4 / Icmp{.type = 13, .id = 7} / Payload(12),
       Eth{} / out4 / Icmp{.type = 13, .id = 9} / Payload(12)},
      {"TCP over IPv6", Eth{} / in6 / Tcp{}, Eth{} / out6 / Tcp{.sport = 61000}},
      {"UDP over IPv6", Eth{} / in6 / Udp{} / Payload(5), Eth{} / out6 / Udp{.sport = 61000} / Payload(5)},
      {"ICMPv6 echo request", Eth{} / in6 / Icmp{.type = 128, .id = 7}, Eth{} / out6 / Icmp{.type = 128, .id = 9}},
      {"ICMPv6 echo reply", Eth{} / in6 / Icmp{.type = 129, .id = 7}, Eth{} / out6 / Icmp{.type = 129, .id = 9}},
      {"TCP behind IPv6 options", Eth{} / in6 / hop_by_hop() / Tcp{},
       Eth{} / out6 / hop_by_hop() / Tcp{.sport = 61000}},
      {"ESP: addresses alone", Eth{} / in4 / Raw{Bytes(40, 7), 50}, Eth{} / out4 / Raw{Bytes(40, 7), 50}},
      {"ICMP error: addresses alone", Eth{} / in4 / Icmp{.type = 11} / Payload(28),
       Eth{} / out4 / Icmp{.type = 11} / Payload(28)},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(translated(row.before, row.after) == row.after.bytes());
  }
}

TEST_CASE("a later fragment has its addresses changed and its payload kept") {
  const Packet before = Eth{} / Ipv4{.ttl = 64, .offset = 100, .protocol = 17} / Payload(24);
  const Packet after = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64, .offset = 100, .protocol = 17} / Payload(24);
  const dp_packet packet = parse(before.bytes()).packet;
  dp_flow_half half = half_of(packet);
  half.new_source.word[0] = inet_addr("203.0.113.7");
  half.new_source_port = htons(61000);  // of the flow; this packet has none
  CHECK(applied(before.bytes(), edits_of(packet, half), packet.l3_offset) == after.bytes());
}

TEST_CASE("a first fragment's checksum, which covers the later ones too, changes by the same amount") {
  const Bytes whole = (Eth{} / Ipv4{} / Udp{} / Payload(64)).bytes();
  const Bytes whole_after = (Eth{} / Ipv4{.src = "203.0.113.7"} / Udp{.sport = 61000} / Payload(64)).bytes();
  const auto check = [](const Bytes& frame) { return static_cast<std::uint16_t>(frame[40] << 8 | frame[41]); };
  const Packet first = Eth{} / Ipv4{.ttl = 64, .mf = true} / Udp{.length = 72, .checksum = check(whole)} / Payload(32);
  const Packet want = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64, .mf = true} /
                      Udp{.sport = 61000, .length = 72, .checksum = check(whole_after)} / Payload(32);
  CHECK(translated(first, want) == want.bytes());
}

TEST_CASE("a UDP checksum that comes out as zero is sent as ffff, and nothing else turns to zero") {
  // The payload is chosen so that the translated packet's sum is ffff, whose complement would be zero.
  Packet after = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64} / Udp{.sport = 61000} / Raw{{0, 0}};
  const Bytes without_payload = after.bytes();
  after.layer<Raw>().data = {without_payload[40], without_payload[41]};
  const Packet before = Eth{} / Ipv4{.ttl = 64} / Udp{} / after.layer<Raw>();
  const Bytes found = translated(before, after);
  CHECK(found == after.bytes());
  CHECK(found[40] == 0xff);
  CHECK(found[41] == 0xff);
}

TEST_CASE("a translation and its reverse give back the first addresses, ports and checksums") {
  const Packet there = Eth{} / Ipv4{.ttl = 64} / Tcp{} / Payload(3);
  const Packet out = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64} / Tcp{.sport = 61000} / Payload(3);
  const Packet again = Eth{} / Ipv4{.ttl = 64} / Tcp{} / Payload(3);
  const Packet back = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64} / Tcp{.sport = 61000} / Payload(3);
  CHECK(translated(there, out) == out.bytes());
  CHECK(translated(back, again) == again.bytes());
}

TEST_CASE("random translations agree with the builder") {
  std::mt19937 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const auto [before, after] = random_translation(random);
    if (translated(before, after) != after.bytes()) FAIL("seed ", kSeed, " round ", i);
  }
  CHECK(true);
}

TEST_CASE("the deltas handed out are what all bytes of the two packets, summed up anew, differ by") {
  std::mt19937 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const auto [before, after] = random_translation(random);
    const dp_packet from = parse(before.bytes()).packet, to = parse(after.bytes()).packet;
    const dp_edits edits = edits_of(from, half_between(from, to));
    const std::size_t l4 = from.l4_offset;
    const auto header = difference_of(before.bytes(), after.bytes(), edits, from.l3_offset, l4);
    const auto behind = difference_of(before.bytes(), after.bytes(), edits, l4, before.bytes().size());
    if (edits.address_delta % 0xffff != header || edits.port_delta % 0xffff != behind)
      FAIL("seed ", kSeed, " round ", i);
  }
  CHECK(true);
}

TEST_CASE("the deltas that an entry keeps are those of its packets' edits") {
  const Packet before = Eth{} / Ipv4{} / Tcp{.sport = 1234, .dport = 80};
  const Packet after = Eth{} / Ipv4{.src = "203.0.113.7"} / Tcp{.sport = 40000, .dport = 80};
  const dp_packet from = parse(before.bytes()).packet, to = parse(after.bytes()).packet;
  const dp_flow_half half = half_between(from, to), same = half_between(from, from);
  const dp_edits edits = edits_of(from, half);
  CHECK(dp_translate_address_delta(&half) == edits.address_delta);
  CHECK(dp_translate_port_delta(&half) == dp_checksum_fold(edits.port_delta));
  CHECK(dp_translate_port_delta(&same) == 0xffff);  // the other zero
}

TEST_CASE("the packet that an ICMP error quotes is translated back to what its sender wrote") {
  std::mt19937 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const auto [sent, seen] = random_translation(random);
    const dp_packet from = parse(sent.bytes()).packet, to = parse(seen.bytes()).packet;
    std::size_t size = to.l4_offset - 14U + 8 + random() % 40;
    // A router may quote a TCP header in part. Then nobody can check its checksum, and it stays as it is.
    if (to.protocol == DP_PROTOCOL_TCP && size > to.l4_offset - 14U + 16 && size < to.l4_offset - 14U + 20) size += 4;
    const Bytes frame = error_about(seen, size), want = error_about(sent, size);
    const dp_packet outer = parse(frame).packet;
    dp_packet quoted{};
    REQUIRE(dp_parse_quote(frame.data(), frame.data() + frame.size(), &outer, &quoted) == DP_NONE);
    const dp_flow_view replies = view_of(turned_round(half_between(from, to)), true);
    dp_edits edits{};
    dp_translate_edits_quote(&quoted, &replies, &edits);
    const Bytes found = applied(frame, edits, quoted.l3_offset);
    if (!std::equal(found.begin() + quoted.l3_offset, found.end(), want.begin() + quoted.l3_offset))
      FAIL("seed ", kSeed, " round ", i);
    if (!std::equal(found.begin(), found.begin() + quoted.l3_offset, frame.begin())) FAIL("outside of the quote");
  }
  CHECK(true);
}

TEST_CASE("a packet in a tunnel is translated where it lies") {
  const Packet inner = Eth{} / Ipv4{.ttl = 64} / Tcp{} / Payload(9);
  const Packet want = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64} / Tcp{.sport = 61000} / Payload(9);
  const auto wrapped = [](const Packet& packet) {
    Bytes data = packet.bytes();
    data.insert(data.begin(), {0x08, 0, 0, 0, 0, 0, 7, 0});  // VXLAN
    return (Eth{} / Ipv4{.src = "198.51.100.1", .dst = "198.51.100.2"} / Udp{.dport = 4789, .checksum = 0} / Raw{data})
        .bytes();
  };
  const dp_packet from = parse(inner.bytes()).packet, to = parse(want.bytes()).packet;
  const std::size_t inner_l3 = 14 + 20 + 8 + 8 + from.l3_offset;
  CHECK(applied(wrapped(inner), edits_of(from, half_between(from, to)), inner_l3) == wrapped(want));
}

TEST_CASE("edits name what a program needs that may not touch checks itself") {
  const Packet before = Eth{} / Ipv4{.options = {1, 1, 1, 0}} / Udp{.sport = 1000, .dport = 53};
  const dp_packet packet = parse(before.bytes()).packet;
  dp_flow_half half = half_of(packet);
  half.new_source.word[0] = inet_addr("203.0.113.7");
  half.new_source_port = htons(61000);
  const dp_edits udp = edits_of(packet, half);
  CHECK(udp.l4_at == 24);
  CHECK(udp.source_port_at == 0);
  CHECK(udp.destination_port_at == 2);
  CHECK(udp.check_at == 6);
  CHECK(udp.flags == (DP_EDIT_PSEUDO_HEADER | DP_EDIT_ZERO_IS_NONE));
  const dp_packet later = parse((Eth{} / Ipv4{.offset = 8, .protocol = 17} / Payload(8)).bytes()).packet;
  const dp_edits addresses = edits_of(later, half);
  CHECK(addresses.l4_at == 0);
  CHECK(addresses.source_port_at == DP_EDIT_NONE);
  CHECK(addresses.destination_port_at == DP_EDIT_NONE);
  CHECK(addresses.check_at == DP_EDIT_NONE);
  const dp_packet echo_reply = parse((Eth{} / Ipv4{} / Icmp{.type = 0}).bytes()).packet;
  const dp_edits icmp = edits_of(echo_reply, half_of(echo_reply));
  CHECK(icmp.source_port_at == DP_EDIT_NONE);
  CHECK(icmp.destination_port_at == 4);
  CHECK(icmp.flags == 0);
}

TEST_CASE("a packet that does not hold its headers is refused") {
  const Bytes frame = (Eth{} / Ipv4{} / Tcp{}).bytes();
  const dp_packet packet = parse(frame).packet;
  const dp_edits edits = edits_of(packet, half_of(packet));
  for (std::size_t size : {33, 34, 53}) {
    Bytes truncated(frame.begin(), frame.begin() + static_cast<long>(size));
    CHECK(dp_translate_apply(truncated.data() + 14, truncated.data() + truncated.size(), &edits) == 0);
  }
}
