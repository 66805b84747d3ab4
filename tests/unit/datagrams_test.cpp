// datagrams_test.cpp - what is read of a fragment, which bytes of a datagram are taken, and how many datagrams are
// kept; and IPv4 packets split into fragments.

#include "engine/datagrams.hpp"

#include "common/target.h"

#include <doctest/doctest.h>

#include <random>

#include "engine/fragmenter.hpp"
#include "harness/parsed.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr std::uint32_t kLifetime = 30;

FragmentPart part(std::uint32_t from_units, std::uint32_t bytes, bool more, std::uint32_t id = 1) {
  FragmentPart out;
  out.key.source.word[0] = 1;
  out.key.identification = id;
  out.key.family = DP_FAMILY_V4;
  out.offset = from_units * 8;
  out.bytes = bytes;
  out.more = more;
  return out;
}

FragmentTable table(std::uint32_t datagrams = 64) { return {datagrams, 0x5eed, kLifetime}; }

FragmentPart read(const Packet& packet) {
  const Bytes frame = packet.bytes();
  const Parsed parsed = parse(frame);
  REQUIRE(parsed.reason == DP_NONE);
  const auto found = read_fragment(frame, parsed.packet);
  REQUIRE(found.has_value());
  return *found;
}

}  // namespace

TEST_CASE("identification, offset and size are read from the headers") {
  const FragmentPart v4 =
      read(Eth{} / Ipv4{.id = 0xabcd, .mf = true, .offset = 10, .options = {1, 1, 1, 0}, .protocol = 17} / Payload(64));
  CHECK(v4.key.identification == dp_htons(0xabcd));
  CHECK(v4.key.protocol == 17);
  CHECK(v4.offset == 80);
  CHECK(v4.bytes == 64);
  CHECK(v4.more);
  const FragmentPart v6 =
      read(Eth{} / Ipv6{} / hop_by_hop() / Fragment6{.offset = 3, .id = 0x11223344, .next = 17} / Payload(50));
  CHECK(v6.key.identification == dp_htonl(0x11223344));
  CHECK(v6.key.protocol == 0);
  CHECK(v6.offset == 24);
  CHECK(v6.bytes == 50);
  CHECK_FALSE(v6.more);
}

TEST_CASE("link padding does not belong to a fragment") {
  const Bytes frame = (Eth{} / Ipv4{.offset = 10, .protocol = 17} / Payload(5)).padded(60);
  const Parsed parsed = parse(frame);
  CHECK(read_fragment(frame, parsed.packet)->bytes == 5);
}

TEST_CASE("a datagram is complete when its bytes are, in whatever order they come") {
  const FragmentPart parts[] = {part(0, 16, true), part(2, 16, true), part(4, 5, false)};
  int order[] = {0, 1, 2};
  do {
    FragmentTable kept = table();
    for (int i = 0; i < 3; ++i) {
      const auto [datagram, fate] = kept.admit(parts[order[i]], 0);
      CHECK(fate == FragmentFate::fits);
      CHECK(datagram->complete() == (i == 2));
    }
  } while (std::next_permutation(std::begin(order), std::end(order)));
}

TEST_CASE("a repeated fragment is not counted twice, and an overlap discards the datagram") {
  struct {
    const char* name;
    std::vector<FragmentPart> before;
    FragmentPart next;
    FragmentFate want;
  } cases[] = {
      {"the same again", {part(0, 16, true)}, part(0, 16, true), FragmentFate::repeated},
      {"inside what came", {part(0, 32, true)}, part(1, 8, true), FragmentFate::repeated},
      {"over the front", {part(2, 16, true)}, part(1, 16, true), FragmentFate::discarded},
      {"over the back", {part(0, 16, true)}, part(1, 16, true), FragmentFate::discarded},
      {"around", {part(2, 8, true)}, part(0, 40, true), FragmentFate::discarded},
      {"over two", {part(0, 8, true), part(2, 8, true)}, part(0, 24, true), FragmentFate::discarded},
      {"beyond the end", {part(4, 8, false)}, part(5, 8, true), FragmentFate::discarded},
      {"another end", {part(4, 8, false)}, part(7, 8, false), FragmentFate::discarded},
      {"an end before what came", {part(4, 8, true)}, part(2, 8, false), FragmentFate::discarded},
      {"nothing in it", {part(0, 8, true)}, part(1, 0, false), FragmentFate::discarded},
      {"a gap", {part(0, 8, true)}, part(5, 8, true), FragmentFate::fits},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    FragmentTable kept = table();
    for (const FragmentPart& one : c.before) REQUIRE(kept.admit(one, 0).fate == FragmentFate::fits);
    CHECK(kept.admit(c.next, 0).fate == c.want);
    if (c.want == FragmentFate::discarded && c.next.bytes != 0)
      CHECK(kept.admit(part(20, 8, true), 0).fate == FragmentFate::discarded);
  }
}

TEST_CASE("a fragment that makes more gaps than kRanges allows is refused, and filled gaps make room") {
  FragmentTable kept = table();
  for (std::uint32_t i = 0; i < Datagram::kRanges; ++i)
    REQUIRE(kept.admit(part(2 * i, 8, true), 0).fate == FragmentFate::fits);
  CHECK(kept.admit(part(100, 8, true), 0).fate == FragmentFate::scattered);
  CHECK(kept.admit(part(1, 8, true), 0).fate == FragmentFate::fits);
  CHECK(kept.admit(part(100, 8, true), 0).fate == FragmentFate::fits);
}

TEST_CASE("ranges agree with a bitmap of bytes over random fragments") {
  std::mt19937 random(20260101);
  for (int round = 0; round < 2000; ++round) {
    FragmentTable kept = table();
    std::vector<bool> taken(64, false);
    bool discarded = false;
    for (int i = 0; i < 14 && !discarded; ++i) {
      const std::uint32_t from = random() % 40, units = 1 + random() % 6;
      std::uint32_t hits = 0;
      for (std::uint32_t unit = from; unit < from + units; ++unit) hits += taken[unit] ? 1 : 0;
      const FragmentFate want = hits == 0       ? FragmentFate::fits
                                : hits == units ? FragmentFate::repeated
                                                : FragmentFate::discarded;
      REQUIRE(kept.admit(part(from, units * 8, true), 0).fate == want);
      for (std::uint32_t unit = from; unit < from + units; ++unit) taken[unit] = true;
      discarded = want == FragmentFate::discarded;
    }
  }
}

TEST_CASE("datagrams differ by every part of their key") {
  FragmentTable kept = table();
  const FragmentPart base = part(0, 16, true);
  REQUIRE(kept.admit(base, 0).fate == FragmentFate::fits);
  for (int field = 0; field < 6; ++field) {
    FragmentPart other = base;
    if (field == 0) other.key.source.word[3] = 1;
    if (field == 1) other.key.destination.word[0] = 1;
    if (field == 2) other.key.identification = 2;
    if (field == 3) other.key.ingress = 1;
    if (field == 4) other.key.family = DP_FAMILY_V6;
    if (field == 5) other.key.protocol = 6;
    INFO(field);
    CHECK(kept.admit(other, 0).fate == FragmentFate::fits);
  }
}

TEST_CASE("a datagram is forgotten after its lifetime, and a full table replaces the oldest") {
  FragmentTable kept = table(4);
  const auto first = kept.admit(part(0, 16, true), 0);
  const std::uint32_t slot = kept.slot_of(*first.datagram), serial = first.datagram->serial;
  CHECK(kept.admit(part(0, 16, true), kLifetime).fate == FragmentFate::repeated);
  CHECK(kept.admit(part(0, 16, true), kLifetime + 1).fate == FragmentFate::fits);
  CHECK(kept.find(slot, serial) == nullptr);
  for (std::uint32_t id = 2; id < 6; ++id)
    REQUIRE(kept.admit(part(0, 16, true, id), kLifetime + id).fate == FragmentFate::fits);
  CHECK(kept.admit(part(2, 16, true, 5), kLifetime + 6).datagram->range_count == 1);  // still known
  CHECK(kept.admit(part(0, 16, true, 1), kLifetime + 7).fate == FragmentFate::fits);  // was the oldest
}

// --- fragmenting ------------------------------------------------------------------------------------------------

namespace {

struct Fragment {
  Bytes header;
  Bytes payload;
  std::uint32_t offset;
  bool more;
};

std::vector<Fragment> fragments_of(const Packet& packet, std::uint32_t mtu, std::uint32_t l3_offset = 14) {
  const Bytes frame = packet.bytes();
  Ipv4Fragmenter fragmenter(frame, l3_offset, mtu);
  REQUIRE(fragmenter.possible());
  std::vector<Fragment> out;
  while (!fragmenter.done()) {
    Bytes made(2048);
    made.resize(fragmenter.next(made));
    REQUIRE(!made.empty());
    CHECK(std::equal(made.begin(), made.begin() + l3_offset, frame.begin()));
    const std::size_t header = (made[l3_offset] & 0xfU) * 4;
    const Bytes ip(made.begin() + l3_offset, made.end());
    CHECK(ip.size() <= mtu);
    CHECK((ip[2] << 8 | ip[3]) == static_cast<int>(ip.size()));
    CHECK(internet_checksum(std::span{ip}.first(header)) == 0);
    const std::uint32_t field = static_cast<std::uint32_t>(ip[6] << 8 | ip[7]);
    out.push_back({Bytes(ip.begin(), ip.begin() + static_cast<std::ptrdiff_t>(header)),
                   Bytes(ip.begin() + static_cast<std::ptrdiff_t>(header), ip.end()), (field & 0x1fff) * 8,
                   (field & 0x2000) != 0});
  }
  return out;
}

}  // namespace

TEST_CASE("the fragments of a packet of any size, for any MTU, reassemble to the packet") {
  for (const std::uint32_t mtu : {68U, 296U, 576U, 577U, 1400U}) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{48}, std::size_t{548}, std::size_t{1000}, std::size_t{1600}}) {
      INFO(mtu << " " << size);
      const Packet packet = Eth{} / Ipv4{} / Udp{} / Payload(size);
      const Bytes original = packet.bytes();
      Bytes whole;
      const auto fragments = fragments_of(packet, mtu);
      for (const Fragment& one : fragments) {
        CHECK(one.offset == whole.size());
        CHECK(one.more == (&one != &fragments.back()));
        if (one.more) CHECK(one.payload.size() % 8 == 0);
        put(whole, one.payload);
      }
      CHECK(whole == Bytes(original.begin() + 34, original.end()));
      CHECK(fragments.size() ==
            (size + 8 <= mtu - 20 ? 1 : (size + 8 + (mtu - 20) / 8 * 8 - 1) / ((mtu - 20) / 8 * 8)));
    }
  }
}

TEST_CASE("the first fragment keeps all options, later ones those with the copy bit") {
  // record route (7, not copied), then security (130, copied)
  const Packet packet = Eth{} / Ipv4{.options = {1, 7, 7, 4, 0, 0, 0, 0, 130, 4, 9, 9}} / Udp{} / Payload(400);
  const auto fragments = fragments_of(packet, 200);
  REQUIRE(fragments.size() >= 3);
  CHECK(fragments[0].header.size() == 32);
  for (std::size_t i = 1; i < fragments.size(); ++i) {
    REQUIRE(fragments[i].header.size() == 24);
    CHECK(Bytes(fragments[i].header.begin() + 20, fragments[i].header.end()) == Bytes{130, 4, 9, 9});
  }
}

TEST_CASE("the fragments of a fragment keep its offset in the datagram") {
  for (const bool more : {false, true}) {
    const auto fragments = fragments_of(Eth{} / Ipv4{.mf = more, .offset = 50, .protocol = 17} / Payload(400), 220);
    REQUIRE(fragments.size() == 2);
    CHECK(fragments[0].offset == 400);
    CHECK(fragments[1].offset == 600);
    CHECK(fragments[0].more);
    CHECK(fragments[1].more == more);
  }
}

TEST_CASE("an MTU with room for fewer than eight bytes of payload is refused") {
  const Bytes frame = (Eth{} / Ipv4{} / Udp{} / Payload(100)).bytes();
  CHECK_FALSE(Ipv4Fragmenter(frame, 14, 27).possible());
  CHECK(Ipv4Fragmenter(frame, 14, 28).possible());
  CHECK_FALSE(Ipv4Fragmenter({}, 14, 1500).possible());
}
