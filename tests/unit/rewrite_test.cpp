// After a rewrite the frame is, byte for byte, the one the builder makes from the new addresses: so every checksum that
// was updated is also right.
#include <doctest/doctest.h>

#include <random>

#include "common/edit/rewrite.h"
#include "harness/parsed.hpp"

using namespace twinpath::test;

namespace {

constexpr unsigned kSeed = 30;
constexpr Mac kNextHopMac{{0x02, 0x00, 0x5e, 0x20, 0x00, 0x01}};
constexpr Mac kEgressMac{{0x02, 0x00, 0x5e, 0x20, 0x00, 0x02}};

dp_next_hop next_hop(std::uint16_t vlan = 0) {
  dp_next_hop hop{};
  std::copy(kNextHopMac.octets.begin(), kNextHopMac.octets.end(), hop.destination_mac);
  std::copy(kEgressMac.octets.begin(), kEgressMac.octets.end(), hop.source_mac);
  hop.vlan = vlan;
  return hop;
}

// What was decided for a packet: its key, and what becomes of it. Without NAT both are the same.
dp_flow_half half_of(const dp_packet& packet) {
  dp_flow_half half{};
  half.source = half.new_source = packet.source;
  half.destination = half.new_destination = packet.destination;
  half.source_port = half.new_source_port = packet.source_port;
  half.destination_port = half.new_destination_port = packet.destination_port;
  return half;
}

dp_flow_view view_of(const dp_flow_half& half, bool rewrite) {
  dp_flow_view view{};
  view.link = rewrite ? DP_FLOW_REWRITE : 0;
  view.new_source = half.new_source;
  view.new_destination = half.new_destination;
  view.new_source_port = half.new_source_port;
  view.new_destination_port = half.new_destination_port;
  view.delta = dp_rewrite_delta(&half);
  return view;
}

// Moves the frame's front as the caller of dp_rewrite does, and rewrites.
Bytes rewritten(Bytes frame, const dp_packet& packet, const dp_flow_view& view, const dp_next_hop& hop) {
  const int growth = dp_rewrite_vlan_growth(&packet, &hop);
  if (growth > 0) frame.insert(frame.begin(), static_cast<std::size_t>(growth), 0xee);
  if (growth < 0) frame.erase(frame.begin(), frame.begin() - growth);
  CHECK(dp_rewrite(frame.data(), frame.data() + frame.size(), &packet, &view, &hop) == 1);
  return frame;
}

// Translates `before` into the flow that `after` shows.
Bytes translated(const Packet& before, const Packet& after) {
  const dp_packet from = parse(before.bytes()).packet;
  const dp_packet to = parse(after.bytes(), kNextHopMac).packet;
  dp_flow_half half = half_of(from);
  half.new_source = to.source;
  half.new_destination = to.destination;
  half.new_source_port = to.source_port;
  half.new_destination_port = to.destination_port;
  return rewritten(before.bytes(), from, view_of(half, true), next_hop());
}

constexpr Eth kOut{.dst = kNextHopMac, .src = kEgressMac};

}  // namespace

TEST_CASE("a decided packet without NAT gets new MAC addresses and one hop less, and nothing else changes") {
  struct {
    const char* name;
    Packet before, after;
  } rows[] = {
      {"TCP over IPv4", Eth{} / Ipv4{.ttl = 64} / Tcp{} / Payload(9), kOut / Ipv4{.ttl = 63} / Tcp{} / Payload(9)},
      {"UDP over IPv6", Eth{} / Ipv6{.hop_limit = 2} / Udp{}, kOut / Ipv6{.hop_limit = 1} / Udp{}},
      {"wrong TCP checksum", Eth{} / Ipv4{.ttl = 64} / Tcp{.checksum = 1}, kOut / Ipv4{.ttl = 63} / Tcp{.checksum = 1}},
      {"options", Eth{} / Ipv4{.ttl = 9, .options = {1, 1, 1, 0}} / Udp{},
       kOut / Ipv4{.ttl = 8, .options = {1, 1, 1, 0}} / Udp{}},
      {"later fragment", Eth{} / Ipv4{.ttl = 9, .offset = 8, .protocol = 17} / Payload(8),
       kOut / Ipv4{.ttl = 8, .offset = 8, .protocol = 17} / Payload(8)},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dp_packet packet = parse(row.before.bytes()).packet;
    const dp_flow_view view = view_of(half_of(packet), false);
    CHECK(rewritten(row.before.bytes(), packet, view, next_hop()) == row.after.bytes());
  }
}

TEST_CASE("the header checksum is right after every TTL") {
  for (int ttl = 2; ttl < 256; ++ttl) {
    for (std::uint16_t id : {0x0000, 0x1234, 0xffff}) {
      const auto now = static_cast<std::uint8_t>(ttl), next = static_cast<std::uint8_t>(ttl - 1);
      const Packet before = Eth{} / Ipv4{.ttl = now, .id = id} / Udp{};
      const dp_packet packet = parse(before.bytes()).packet;
      const Bytes found = rewritten(before.bytes(), packet, view_of(half_of(packet), false), next_hop());
      CHECK(found == (kOut / Ipv4{.ttl = next, .id = id} / Udp{}).bytes());
    }
  }
}

TEST_CASE("NAT changes addresses, ports, and every checksum that covers them") {
  const Ipv4 in4{.ttl = 64}, out4{.src = "203.0.113.7", .ttl = 63}, dnat4{.dst = "203.0.113.80", .ttl = 63};
  const Ipv6 in6{.hop_limit = 64}, out6{.src = "2001:db8:ffff::7", .hop_limit = 63};
  struct {
    const char* name;
    Packet before, after;
  } rows[] = {
      {"TCP, source", Eth{} / in4 / Tcp{} / Payload(7), kOut / out4 / Tcp{.sport = 61000} / Payload(7)},
      {"TCP, destination", Eth{} / in4 / Tcp{}, kOut / dnat4 / Tcp{.dport = 8080}},
      {"TCP, port kept", Eth{} / in4 / Tcp{}, kOut / out4 / Tcp{}},
      {"UDP, source", Eth{} / in4 / Udp{} / Payload(8), kOut / out4 / Udp{.sport = 61000} / Payload(8)},
      {"UDP without checksum", Eth{} / in4 / Udp{.checksum = 0}, kOut / out4 / Udp{.sport = 61000, .checksum = 0}},
      {"echo request, identifier", Eth{} / in4 / Icmp{.type = 8, .id = 7}, kOut / out4 / Icmp{.type = 8, .id = 9}},
      {"echo reply, identifier", Eth{} / in4 / Icmp{.type = 0, .id = 9}, kOut / dnat4 / Icmp{.type = 0, .id = 7}},
      {"timestamp, identifier", Eth{} / in4 / Icmp{.type = 13, .id = 7} / Payload(12),
       kOut / out4 / Icmp{.type = 13, .id = 9} / Payload(12)},
      {"TCP over IPv6", Eth{} / in6 / Tcp{}, kOut / out6 / Tcp{.sport = 61000}},
      {"UDP over IPv6", Eth{} / in6 / Udp{} / Payload(5), kOut / out6 / Udp{.sport = 61000} / Payload(5)},
      {"ICMPv6 echo request", Eth{} / in6 / Icmp{.type = 128, .id = 7}, kOut / out6 / Icmp{.type = 128, .id = 9}},
      {"ICMPv6 echo reply", Eth{} / in6 / Icmp{.type = 129, .id = 7}, kOut / out6 / Icmp{.type = 129, .id = 9}},
      {"TCP behind IPv6 options", Eth{} / in6 / hop_by_hop() / Tcp{}, kOut / out6 / hop_by_hop() / Tcp{.sport = 61000}},
      {"ESP: addresses alone", Eth{} / in4 / Raw{Bytes(40, 7), 50}, kOut / out4 / Raw{Bytes(40, 7), 50}},
      {"ICMP error: addresses alone", Eth{} / in4 / Icmp{.type = 11} / Payload(28),
       kOut / out4 / Icmp{.type = 11} / Payload(28)},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(translated(row.before, row.after) == row.after.bytes());
  }
}

TEST_CASE("a later fragment has its addresses changed and its payload kept") {
  const Packet before = Eth{} / Ipv4{.ttl = 64, .offset = 100, .protocol = 17} / Payload(24);
  const Packet after = kOut / Ipv4{.src = "203.0.113.7", .ttl = 63, .offset = 100, .protocol = 17} / Payload(24);
  const dp_packet packet = parse(before.bytes()).packet;
  dp_flow_half half = half_of(packet);
  half.new_source.word[0] = inet_addr("203.0.113.7");
  half.new_source_port = htons(61000);  // of the flow; this packet has none
  CHECK(rewritten(before.bytes(), packet, view_of(half, true), next_hop()) == after.bytes());
}

TEST_CASE("a first fragment's checksum, which covers the later ones too, changes by the same amount") {
  const Bytes whole = (Eth{} / Ipv4{} / Udp{} / Payload(64)).bytes();
  const Bytes whole_after = (kOut / Ipv4{.src = "203.0.113.7"} / Udp{.sport = 61000} / Payload(64)).bytes();
  const auto check = [](const Bytes& frame) { return static_cast<std::uint16_t>(frame[40] << 8 | frame[41]); };
  const Packet first = Eth{} / Ipv4{.ttl = 64, .mf = true} / Udp{.length = 72, .checksum = check(whole)} / Payload(32);
  const Packet want = kOut / Ipv4{.src = "203.0.113.7", .ttl = 63, .mf = true} /
                      Udp{.sport = 61000, .length = 72, .checksum = check(whole_after)} / Payload(32);
  CHECK(translated(first, want) == want.bytes());
}

TEST_CASE("a UDP checksum that comes out as zero is sent as ffff, and nothing else turns to zero") {
  // The payload is chosen so that the translated packet's sum is ffff, whose complement would be zero.
  Packet after = kOut / Ipv4{.src = "203.0.113.7", .ttl = 63} / Udp{.sport = 61000} / Raw{{0, 0}};
  const Bytes trial = after.bytes();
  after.layer<Raw>().data = {trial[40], trial[41]};
  const Packet before = Eth{} / Ipv4{.ttl = 64} / Udp{} / after.layer<Raw>();
  const Bytes found = translated(before, after);
  CHECK(found == after.bytes());
  CHECK(found[40] == 0xff);
  CHECK(found[41] == 0xff);
}

TEST_CASE("tags are pushed, popped and replaced as the next hop says") {
  const Packet plain = Eth{} / Ipv4{.ttl = 64} / Udp{}, tagged = Eth{} / Vlan{.id = 7} / Ipv4{.ttl = 64} / Udp{};
  const Packet twice = Eth{} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8} / Ipv4{.ttl = 64} / Udp{};
  const Packet plain_out = kOut / Ipv4{.ttl = 63} / Udp{}, tagged_out = kOut / Vlan{.id = 9} / Ipv4{.ttl = 63} / Udp{};
  const Packet six = Eth{} / Vlan{.id = 7} / Ipv6{.hop_limit = 64} / Udp{};
  struct {
    const char* name;
    Packet before;
    std::uint16_t vlan;
    int growth;
    Packet after;
  } rows[] = {
      {"none to none", plain, 0, 0, plain_out},
      {"push", plain, 9, 4, tagged_out},
      {"pop", tagged, 0, -4, plain_out},
      {"replace", tagged, 9, 0, tagged_out},
      {"pop two", twice, 0, -8, plain_out},
      {"two become one", twice, 9, -4, tagged_out},
      {"pop from IPv6", six, 0, -4, kOut / Ipv6{.hop_limit = 63} / Udp{}},
      {"replace on IPv6", six, 9, 0, kOut / Vlan{.id = 9} / Ipv6{.hop_limit = 63} / Udp{}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dp_packet packet = parse(row.before.bytes()).packet;
    const dp_next_hop hop = next_hop(row.vlan);
    CHECK(dp_rewrite_vlan_growth(&packet, &hop) == row.growth);
    CHECK(rewritten(row.before.bytes(), packet, view_of(half_of(packet), false), hop) == row.after.bytes());
  }
}

TEST_CASE("NAT and tags together reach the transport header at its new place") {
  const Packet before = Eth{} / Vlan{.id = 7} / Vlan{.id = 8} / Ipv4{.ttl = 64, .options = {1, 1, 1, 0}} / Tcp{};
  const Packet after =
      kOut / Vlan{.id = 9} / Ipv4{.src = "203.0.113.7", .ttl = 63, .options = {1, 1, 1, 0}} / Tcp{.sport = 61000};
  const dp_packet from = parse(before.bytes()).packet;
  dp_flow_half half = half_of(from);
  half.new_source.word[0] = inet_addr("203.0.113.7");
  half.new_source_port = htons(61000);
  CHECK(rewritten(before.bytes(), from, view_of(half, true), next_hop(9)) == after.bytes());
}

TEST_CASE("a rewrite and its reverse give back the first addresses, ports and checksums") {
  const Packet there = Eth{} / Ipv4{.ttl = 64} / Tcp{} / Payload(3);
  const Packet out = kOut / Ipv4{.src = "203.0.113.7", .ttl = 63} / Tcp{.sport = 61000} / Payload(3);
  const Packet again = kOut / Ipv4{.ttl = 63} / Tcp{} / Payload(3);
  const Packet back = Eth{} / Ipv4{.src = "203.0.113.7", .ttl = 64} / Tcp{.sport = 61000} / Payload(3);
  CHECK(translated(there, out) == out.bytes());
  CHECK(translated(back, again) == again.bytes());
}

TEST_CASE("random translations agree with the builder") {
  std::mt19937 random(kSeed);
  const auto octet = [&] { return static_cast<std::uint8_t>(random()); };
  const auto port = [&] { return static_cast<std::uint16_t>(1 + random() % 65535); };
  const auto address4 = [&] { return Ip4(std::array<std::uint8_t, 4>{octet(), octet(), octet(), octet()}); };
  const auto address6 = [&] {
    std::array<std::uint8_t, 16> octets{};
    for (auto& one : octets) one = octet();
    return Ip6(octets);
  };
  for (int i = 0; i < 20000; ++i) {
    const std::uint16_t sport = port(), dport = port(), new_sport = port(), new_dport = port();
    const Raw payload = Payload(random() % 64);
    const bool tcp = random() % 2;
    Packet before{Eth{}}, after{kOut};
    if (random() % 2) {
      before /= Ipv4{.src = address4(), .dst = address4(), .ttl = 64};
      after /= Ipv4{.src = address4(), .dst = address4(), .ttl = 63};
    } else {
      before /= Ipv6{.src = address6(), .dst = address6(), .hop_limit = 64};
      after /= Ipv6{.src = address6(), .dst = address6(), .hop_limit = 63};
    }
    before /= tcp ? Layer{Tcp{.sport = sport, .dport = dport}} : Layer{Udp{.sport = sport, .dport = dport}};
    after /=
        tcp ? Layer{Tcp{.sport = new_sport, .dport = new_dport}} : Layer{Udp{.sport = new_sport, .dport = new_dport}};
    if (translated(before / payload, after / payload) != (after / payload).bytes()) FAIL("seed ", kSeed, " round ", i);
  }
  CHECK(true);
}

TEST_CASE("a frame that does not hold its headers is refused") {
  const Bytes frame = (Eth{} / Ipv4{} / Tcp{}).bytes();
  const dp_packet packet = parse(frame).packet;
  const dp_flow_view view = view_of(half_of(packet), true);
  const dp_next_hop hop = next_hop();
  for (std::size_t size : {14, 33, 34, 53}) {
    Bytes cut(frame.begin(), frame.begin() + static_cast<long>(size));
    CHECK(dp_rewrite(cut.data(), cut.data() + cut.size(), &packet, &view, &hop) == 0);
  }
}
