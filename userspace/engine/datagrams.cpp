#include "engine/datagrams.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/flow/hash.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"
#include "common/wire/tcp.h"

namespace twinpath {
namespace {

constexpr std::uint32_t kIcmpFlags = DP_PACKET_ICMP_ERROR | DP_PACKET_ICMP_QUERY | DP_PACKET_ICMP_ANSWER;

// memcpy: headers in a frame are not aligned.
template <class T>
std::optional<T> header_at(std::span<const std::uint8_t> frame, std::size_t offset) noexcept {
  if (offset + sizeof(T) > frame.size()) return {};
  T header;
  std::memcpy(&header, frame.data() + offset, sizeof(T));
  return header;
}

bool read_ipv4(std::span<const std::uint8_t> frame, const dp_packet& packet, FragmentPart& part) noexcept {
  const auto ip = header_at<dp_ipv4>(frame, packet.l3_offset);
  if (!ip) return false;
  const std::uint32_t field = dp_ntohs(ip->fragment);
  const std::uint32_t header = (ip->version_ihl & 0xfU) * 4;
  part.key.identification = ip->identification;
  part.key.protocol = ip->protocol;
  part.offset = (field & DP_IPV4_OFFSET_MASK) * 8;
  part.more = (field & DP_IPV4_MORE_FRAGMENTS) != 0;
  part.bytes = packet.l3_bytes - std::min<std::uint32_t>(header, packet.l3_bytes);
  return true;
}

// The parser has followed this extension chain: it has DP_IPV6_EXTENSIONS_MAX headers at most, a fragment header among
// them.
bool read_ipv6(std::span<const std::uint8_t> frame, const dp_packet& packet, FragmentPart& part) noexcept {
  const auto ip = header_at<dp_ipv6>(frame, packet.l3_offset);
  if (!ip) return false;
  std::uint32_t at = packet.l3_offset + static_cast<std::uint32_t>(DP_IPV6_BYTES);
  const std::uint32_t end = static_cast<std::uint32_t>(packet.l3_offset) + packet.l3_bytes;
  std::uint8_t next = ip->next_header;
  for (std::uint32_t i = 0; i < DP_IPV6_EXTENSIONS_MAX; ++i) {
    const auto extension = header_at<dp_ipv6_extension>(frame, at);
    if (!extension) return false;
    at += DP_IPV6_EXTENSION_BYTES;
    if (next == DP_PROTOCOL_FRAGMENT) {
      const std::uint32_t field = dp_ntohs(extension->offset_more);
      part.key.identification = extension->identification;
      part.offset = field & DP_IPV6_OFFSET_MASK;
      part.more = (field & DP_IPV6_MORE_FRAGMENTS) != 0;
      part.bytes = end - std::min(at, end);
      return true;
    }
    at += extension->length * 8U;
    next = extension->next_header;
  }
  return false;
}

std::uint64_t hash_of(const FragmentKey& key, std::uint64_t seed) noexcept {
  std::uint64_t hash = seed;
  for (int i = 0; i < 4; ++i)
    hash = dp_hash_add(hash, static_cast<std::uint64_t>(key.source.word[i]) << 32 | key.destination.word[i]);
  hash = dp_hash_add(hash, static_cast<std::uint64_t>(key.identification) << 32 | std::uint64_t{key.ingress} << 16 |
                               std::uint64_t{key.family} << 8 | key.protocol);
  return dp_hash_end(hash);
}

// Inserts `range` into the sorted list at index `at` and joins it with adjacent ranges. False: the list is full.
bool insert(Datagram& datagram, std::size_t at, Datagram::Range range) noexcept {
  auto& ranges = datagram.ranges;
  const bool joins_left = at > 0 && ranges[at - 1].to == range.from;
  const bool joins_right = at < datagram.range_count && ranges[at].from == range.to;
  if (joins_left && joins_right) {
    ranges[at - 1].to = ranges[at].to;
    std::copy(ranges.begin() + at + 1, ranges.begin() + datagram.range_count, ranges.begin() + at);
    --datagram.range_count;
  } else if (joins_left) {
    ranges[at - 1].to = range.to;
  } else if (joins_right) {
    ranges[at].from = range.from;
  } else {
    if (datagram.range_count == Datagram::kRanges) return false;
    std::copy_backward(ranges.begin() + at, ranges.begin() + datagram.range_count,
                       ranges.begin() + datagram.range_count + 1);
    ranges[at] = range;
    ++datagram.range_count;
  }
  return true;
}

// Whether the fragment fits the end of the datagram, as far as it is known.
bool end_agrees(const Datagram& datagram, Datagram::Range range, bool more) noexcept {
  if (datagram.end != 0) return more ? range.to < datagram.end : range.to == datagram.end;
  if (more || datagram.range_count == 0) return true;
  return datagram.ranges[datagram.range_count - 1U].to <= range.to;
}

FragmentFate take(Datagram& datagram, const FragmentPart& part) noexcept {
  if (datagram.discarded || part.bytes == 0) return FragmentFate::discarded;
  const Datagram::Range range{static_cast<std::uint16_t>(part.offset / 8),
                              static_cast<std::uint16_t>((part.offset + part.bytes + 7) / 8)};
  auto& ranges = datagram.ranges;
  std::size_t at = 0;
  while (at < datagram.range_count && ranges[at].to <= range.from) ++at;
  if (at < datagram.range_count && ranges[at].from <= range.from && range.to <= ranges[at].to)
    return FragmentFate::repeated;
  const bool overlaps = at < datagram.range_count && ranges[at].from < range.to;
  if (overlaps || !end_agrees(datagram, range, part.more)) {
    datagram.discarded = true;
    return FragmentFate::discarded;
  }
  if (!insert(datagram, at, range)) return FragmentFate::scattered;
  if (!part.more) datagram.end = range.to;
  return FragmentFate::fits;
}

}  // namespace

std::optional<FragmentPart> read_fragment(std::span<const std::uint8_t> frame, const dp_packet& packet) noexcept {
  FragmentPart part;
  part.key.source = packet.source;
  part.key.destination = packet.destination;
  part.key.ingress = packet.ingress;
  part.key.family = packet.family;
  const bool read = packet.family == DP_FAMILY_V4 ? read_ipv4(frame, packet, part) : read_ipv6(frame, packet, part);
  if (!read) return {};
  return part;
}

FragmentFacts facts_of(const dp_packet& first) noexcept {
  return {first.source_port,        first.destination_port, first.tcp_acknowledgement,
          first.flags & kIcmpFlags, first.protocol,         first.icmp_type,
          first.icmp_code};
}

void apply(const FragmentFacts& facts, dp_packet& later) noexcept {
  later.source_port = facts.source_port;
  later.destination_port = facts.destination_port;
  later.tcp_flags = facts.protocol == DP_PROTOCOL_TCP ? DP_TCP_ACK : 0;
  later.tcp_acknowledgement = facts.tcp_acknowledgement;
  later.flags |= facts.icmp_flags;
  later.protocol = facts.protocol;
  later.icmp_type = facts.icmp_type;
  later.icmp_code = facts.icmp_code;
}

FragmentTable::FragmentTable(std::uint32_t datagrams, std::uint64_t seed, std::uint32_t lifetime)
    : slots_(std::bit_ceil(std::max(datagrams, kSlotsPerSet))), seed_(seed), lifetime_(lifetime) {}

std::span<Datagram> FragmentTable::set_of(const FragmentKey& key) noexcept {
  const std::size_t sets = slots_.size() / kSlotsPerSet;
  return std::span{slots_}.subspan((hash_of(key, seed_) & (sets - 1)) * kSlotsPerSet, kSlotsPerSet);
}

Datagram& FragmentTable::find_or_make(const FragmentKey& key, std::uint32_t now) noexcept {
  const std::span<Datagram> set = set_of(key);
  Datagram* spare = &set[0];
  for (Datagram& datagram : set) {
    if (datagram.serial != 0 && now - datagram.since > lifetime_) datagram.serial = 0;
    if (datagram.serial != 0 && datagram.key == key) return datagram;
    if (spare->serial == 0) continue;
    if (datagram.serial == 0 || now - datagram.since > now - spare->since) spare = &datagram;
  }
  *spare = {};
  spare->key = key;
  spare->since = now;
  spare->serial = next_serial_;
  if (++next_serial_ == 0) next_serial_ = 1;
  return *spare;
}

FragmentTable::Admission FragmentTable::admit(const FragmentPart& part, std::uint32_t now) noexcept {
  Datagram& datagram = find_or_make(part.key, now);
  return {&datagram, take(datagram, part)};
}

void FragmentTable::forget_port(std::uint16_t ingress) noexcept {
  for (Datagram& datagram : slots_) {
    if (datagram.key.ingress == ingress) forget(datagram);
  }
}

Datagram* FragmentTable::find(std::uint32_t slot, std::uint32_t serial) noexcept {
  if (slot >= slots_.size() || serial == 0 || slots_[slot].serial != serial) return nullptr;
  return &slots_[slot];
}

}  // namespace twinpath
