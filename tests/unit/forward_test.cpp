// A forwarded frame is, byte for byte, the one that the builder makes for the next hop: so every checksum that was
// updated is right too.
#include <doctest/doctest.h>

#include "common/edit/forward.h"
#include "harness/translation.hpp"

using namespace twinpath::test;

namespace {

constexpr Mac kNextHopMac{{0x02, 0x00, 0x5e, 0x20, 0x00, 0x01}};
constexpr Mac kEgressMac{{0x02, 0x00, 0x5e, 0x20, 0x00, 0x02}};

dp_next_hop next_hop(std::uint16_t vlan = 0) {
  dp_next_hop hop{};
  std::copy(kNextHopMac.octets.begin(), kNextHopMac.octets.end(), hop.destination_mac);
  std::copy(kEgressMac.octets.begin(), kEgressMac.octets.end(), hop.source_mac);
  hop.vlan = vlan;
  return hop;
}

// Moves the frame's front as the caller of dp_forward does, and forwards.
Bytes forwarded(Bytes frame, const dp_packet& packet, const dp_flow_view& view, const dp_next_hop& hop) {
  const __u16 tag = dp_next_hop_tag(&hop);
  const int growth = dp_forward_growth(&packet, tag);
  if (growth > 0) frame.insert(frame.begin(), static_cast<std::size_t>(growth), 0xee);
  if (growth < 0) frame.erase(frame.begin(), frame.begin() - growth);
  CHECK(dp_forward(frame.data(), frame.data() + frame.size(), &packet, &view, &hop, tag) == 1);
  return frame;
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
    CHECK(forwarded(row.before.bytes(), packet, view, next_hop()) == row.after.bytes());
  }
}

TEST_CASE("the header checksum is right after every TTL") {
  for (int ttl = 2; ttl < 256; ++ttl) {
    for (std::uint16_t id : {0x0000, 0x1234, 0xffff}) {
      const auto now = static_cast<std::uint8_t>(ttl), next = static_cast<std::uint8_t>(ttl - 1);
      const Packet before = Eth{} / Ipv4{.ttl = now, .id = id} / Udp{};
      const dp_packet packet = parse(before.bytes()).packet;
      const Bytes found = forwarded(before.bytes(), packet, view_of(half_of(packet), false), next_hop());
      CHECK(found == (kOut / Ipv4{.ttl = next, .id = id} / Udp{}).bytes());
    }
  }
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
    CHECK(dp_forward_growth(&packet, dp_next_hop_tag(&hop)) == row.growth);
    CHECK(forwarded(row.before.bytes(), packet, view_of(half_of(packet), false), hop) == row.after.bytes());
  }
}

TEST_CASE("a frame has the tag that its room was made for, whatever becomes of the next hop meanwhile") {
  for (const auto& [before, after] : {std::pair<std::uint16_t, std::uint16_t>{9, 0}, {0, 9}, {9, 8}}) {
    CAPTURE(before);
    const Packet plain = Eth{} / Ipv4{.ttl = 64} / Udp{};
    const Packet out =
        before != 0 ? kOut / Vlan{.id = before} / Ipv4{.ttl = 63} / Udp{} : kOut / Ipv4{.ttl = 63} / Udp{};
    Bytes frame = plain.bytes();
    const dp_packet packet = parse(frame).packet;
    dp_next_hop hop = next_hop(before);
    const __u16 tag = dp_next_hop_tag(&hop);
    frame.insert(frame.begin(), static_cast<std::size_t>(dp_forward_growth(&packet, tag)), 0xee);
    hop.vlan = after;
    const dp_flow_view view = view_of(half_of(packet), false);
    CHECK(dp_forward(frame.data(), frame.data() + frame.size(), &packet, &view, &hop, tag) == 1);
    CHECK(frame == out.bytes());
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
  CHECK(forwarded(before.bytes(), from, view_of(half, true), next_hop(9)) == after.bytes());
}

TEST_CASE("a frame that does not hold its headers is refused") {
  const Bytes frame = (Eth{} / Ipv4{} / Tcp{}).bytes();
  const dp_packet packet = parse(frame).packet;
  const dp_flow_view view = view_of(half_of(packet), true);
  const dp_next_hop hop = next_hop();
  for (std::size_t size : {14, 33, 34, 53}) {
    Bytes truncated(frame.begin(), frame.begin() + static_cast<long>(size));
    CHECK(dp_forward(truncated.data(), truncated.data() + truncated.size(), &packet, &view, &hop, 0) == 0);
  }
}
