// The Internet checksum: known answers from the RFCs, and the slow sum of harness/packet.hpp as a twin.
#include <doctest/doctest.h>

#include <random>

#include "common/edit/checksum.h"
#include "harness/parsed.hpp"

using namespace twinpath::test;

namespace {

constexpr std::uint16_t kSeed = 20;

// As it lies on the wire.
std::uint16_t wire(std::uint16_t value) { return htons(value); }

std::uint64_t sum_of(const Bytes& data) {
  __u64 sum = 0;
  CHECK(dp_checksum_range(data.data(), data.data() + data.size(), static_cast<__u32>(data.size()), &sum) == 1);
  return sum;
}

Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

// Recomputes the transport checksum of `frame` in place.
int recompute(Bytes& frame) {
  const dp_packet packet = parse(frame).packet;
  return dp_checksum_l4(frame.data(), frame.data() + frame.size(), &packet);
}

}  // namespace

TEST_CASE("the example of RFC 1071 section 3 sums to ddf2") {
  const Bytes data = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK(dp_checksum_fold(sum_of(data)) == wire(0xddf2));
  CHECK(dp_checksum_fold(dp_checksum_words(data.data(), 2)) == wire(0xddf2));
}

TEST_CASE("the example of RFC 1624 section 4 updates dd2f to 0000, not to ffff") {
  const std::uint32_t delta = dp_checksum_delta16(wire(0x5555), wire(0x3285));
  CHECK(dp_checksum_update(wire(0xdd2f), delta) == 0x0000);
}

TEST_CASE("an update by equation 3 equals a full sum, for every check and every kind of word") {
  const std::uint16_t words[] = {0x0000, 0x0001, 0x5555, 0x7fff, 0x8000, 0xfffe, 0xffff};
  for (std::uint32_t rest = 1; rest <= 0xffff; ++rest) {  // the other words of a header are never all zero
    for (std::uint16_t before : words) {
      const std::uint16_t after = words[(rest + before) % 7];
      const auto check = static_cast<std::uint16_t>(~dp_checksum_fold(std::uint64_t{rest} + before));
      const auto want = static_cast<std::uint16_t>(~dp_checksum_fold(std::uint64_t{rest} + after));
      const std::uint16_t found = dp_checksum_update(check, dp_checksum_delta16(before, after));
      if (found != want) FAIL("rest ", rest, " before ", before, " after ", after);
    }
  }
  CHECK(true);
}

TEST_CASE("fold takes any 64-bit sum to 16 bits") {
  CHECK(dp_checksum_fold(0) == 0);
  CHECK(dp_checksum_fold(0xffff) == 0xffff);
  CHECK(dp_checksum_fold(0x10000) == 1);
  CHECK(dp_checksum_fold(~0ull) == 0xffff);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t sum = random();
    const auto want = static_cast<std::uint16_t>(sum % 0xffff);  // one's complement: the remainder, with 0 as ffff
    if (dp_checksum_fold(sum) != (want ? want : 0xffff)) FAIL(sum);
  }
}

TEST_CASE("a range of every length up to a jumbo frame sums as the slow twin does, at any alignment") {
  std::mt19937 random(kSeed);
  for (std::size_t size = 0; size <= DP_CHECKSUM_BYTES_MAX; size += size < 300 ? 1 : 61) {
    const Bytes data = random_bytes(random, size + 3);
    for (std::size_t shift = 0; shift < 3; ++shift) {
      const Bytes part(data.begin() + static_cast<long>(shift), data.begin() + static_cast<long>(shift + size));
      __u64 sum = 0;
      REQUIRE(dp_checksum_range(data.data() + shift, data.data() + shift + size, static_cast<__u32>(size), &sum) == 1);
      if (static_cast<std::uint16_t>(~dp_checksum_fold(sum)) != wire(internet_checksum(part))) FAIL(size, " ", shift);
    }
  }
  CHECK(true);
}

TEST_CASE("a range longer than a jumbo frame, or beyond the end, is refused") {
  const Bytes data(DP_CHECKSUM_BYTES_MAX + 1, 1);
  __u64 sum = 0;
  CHECK(dp_checksum_range(data.data(), data.data() + data.size(), DP_CHECKSUM_BYTES_MAX + 1, &sum) == 0);
  for (__u32 size : {1, 2, 31, 32, 33, 64, 1500})
    CHECK(dp_checksum_range(data.data(), data.data() + size - 1, size, &sum) == 0);
}

TEST_CASE("UDP's zero checksum stays zero, and a computed zero becomes ffff") {
  CHECK(dp_checksum_update_udp(0, dp_checksum_delta16(1, 2)) == 0);
  CHECK(dp_checksum_update_udp(wire(0xdd2f), dp_checksum_delta16(wire(0x5555), wire(0x3285))) == 0xffff);
}

TEST_CASE("recomputing finishes what a workload left unfinished") {
  struct {
    const char* name;
    Packet frame;
    std::size_t check_at;
  } rows[] = {
      {"TCP over IPv4", Eth{} / Ipv4{} / Tcp{} / Payload(1001), 34 + 16},
      {"TCP over IPv6", Eth{} / Ipv6{} / Tcp{} / Payload(64), 54 + 16},
      {"UDP over IPv4", Eth{} / Ipv4{} / Udp{} / Payload(3), 34 + 6},
      {"UDP over IPv6", Eth{} / Ipv6{} / Udp{} / Payload(33), 54 + 6},
      {"ICMP", Eth{} / Ipv4{} / Icmp{} / Payload(56), 34 + 2},
      {"ICMPv6", Eth{} / Ipv6{} / Icmp{.type = 128} / Payload(57), 54 + 2},
      {"tagged, with IPv4 options", Eth{} / Vlan{} / Vlan{} / Ipv4{.options = {1, 1, 1, 0}} / Tcp{} / Payload(5),
       46 + 16},
      {"behind IPv6 options", Eth{} / Ipv6{} / hop_by_hop() / Tcp{} / Payload(5), 62 + 16},
      {"jumbo frame", Eth{} / Ipv4{} / Tcp{} / Payload(8960), 34 + 16},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const Bytes good = row.frame.padded();
    Bytes frame = good;
    frame[row.check_at] = 0x12;
    frame[row.check_at + 1] = 0x34;
    CHECK(recompute(frame) == 1);
    CHECK(frame == good);
  }
}

TEST_CASE("recomputing covers the UDP length, not what lies behind it in the packet") {
  Bytes good = (Eth{} / Ipv4{} / Udp{} / Payload(8)).bytes();
  Bytes longer = (Eth{} / Ipv4{} / Udp{.length = 16} / Payload(8) / Payload(5)).bytes();
  CHECK(recompute(longer) == 1);
  CHECK(longer[40] == good[40]);
  CHECK(longer[41] == good[41]);
}

TEST_CASE("recomputing leaves alone what has no checksum of ours") {
  struct {
    const char* name;
    Packet frame;
  } rows[] = {
      {"UDP without checksum", Eth{} / Ipv4{} / Udp{.checksum = 0} / Payload(9)},
      {"first fragment", Eth{} / Ipv4{.mf = true} / Udp{.length = 999, .checksum = 0x1234} / Payload(16)},
      {"later fragment", Eth{} / Ipv4{.offset = 9, .protocol = 17} / Payload(16)},
      {"ESP", Eth{} / Ipv4{.protocol = 50} / Payload(40)},
      {"ARP", Eth{} / Arp{}},
      {"ICMPv6 in IPv4", Eth{} / Ipv4{.protocol = 58} / Payload(16)},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    Bytes frame = row.frame.bytes();
    CHECK(recompute(frame) == 1);
    CHECK(frame == row.frame.bytes());
  }
}

TEST_CASE("a packet that is not all there is refused and left as it was") {
  const Bytes whole = (Eth{} / Ipv4{} / Tcp{.checksum = 0x1234} / Payload(500)).bytes();
  const dp_packet packet = parse(whole).packet;
  for (std::size_t size : {34, 42, 51, 54, 100, 553}) {
    CAPTURE(size);
    Bytes linear(whole.begin(), whole.begin() + static_cast<long>(size));
    const Bytes before = linear;
    CHECK(dp_checksum_l4(linear.data(), linear.data() + linear.size(), &packet) == 0);
    CHECK(linear == before);
  }
}

TEST_CASE("a computed UDP checksum of zero is sent as ffff") {
  // The two payload bytes are chosen so that everything else and they add up to ffff.
  Packet frame = Eth{} / Ipv4{} / Udp{} / Raw{{0, 0}};
  const Bytes first = frame.bytes();
  frame.layer<Raw>().data = {first[40], first[41]};
  Bytes bytes = frame.bytes();
  bytes[40] = 0x11;
  CHECK(recompute(bytes) == 1);
  CHECK(bytes[40] == 0xff);
  CHECK(bytes[41] == 0xff);
}
