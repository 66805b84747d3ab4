// datagrams.hpp - datagrams of which fragments have arrived: the first fragment's transport facts, and the bytes
// received.
//
// Shape     sets of four by a keyed hash; in a full set the oldest datagram is replaced. Memory is fixed at
//           construction.
// Key       RFC 791: source, destination, identification, protocol. RFC 8200: without the protocol. And the ingress
//           port, so that fragments from one link cannot complete a datagram of another.
// Overlap   RFC 5722: a datagram with overlapping fragments is discarded, including its fragments still to come. IPv4
//           is treated alike: RFC 1858's attacks need overlaps, and no stack sends them. A fragment whose bytes have
//           all been received (a repeated fragment) is dropped and does not discard the datagram.
// Lifetime  until the datagram is complete, so that a fast sender may use the identification again; or 30 s, Linux's
//           ipfrag_time: RFC 791 requires 15 s at least, RFC 8200 allows 60 s.
// Thread    the engine's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/model/packet.h"

namespace twinpath {

struct FragmentKey {
  dp_address source{};
  dp_address destination{};
  std::uint32_t identification = 0;  // network order
  std::uint16_t ingress = 0;
  std::uint8_t family = 0;
  std::uint8_t protocol = 0;

  friend bool operator==(const FragmentKey& a, const FragmentKey& b) noexcept {
    return a.identification == b.identification && a.ingress == b.ingress && a.family == b.family &&
           a.protocol == b.protocol && dp_address_equal(&a.source, &b.source) != 0 &&
           dp_address_equal(&a.destination, &b.destination) != 0;
  }
};

// One fragment: bytes [offset, offset + bytes) of the datagram's payload.
struct FragmentPart {
  FragmentKey key;
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
  bool more = false;
};

// Reads the fragment fields that dp_packet does not keep. `frame` has parsed as the fragment `packet`; no value when a
// header cannot be read.
[[nodiscard]] std::optional<FragmentPart> read_fragment(std::span<const std::uint8_t> frame,
                                                        const dp_packet& packet) noexcept;

// Facts of the transport header, which only the first fragment has; they hold for all fragments of the datagram.
struct FragmentFacts {
  __be16 source_port = 0;
  __be16 destination_port = 0;
  __be32 tcp_acknowledgement = 0;
  std::uint32_t icmp_flags = 0;  // of enum dp_packet_flag
  std::uint8_t protocol = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
};

[[nodiscard]] FragmentFacts facts_of(const dp_packet& first) noexcept;
// Gives a later fragment these facts, so that it can be decided like a whole packet. Its TCP flags are those of a
// segment in mid-stream.
void apply(const FragmentFacts& facts, dp_packet& later) noexcept;

struct Datagram {
  static constexpr std::size_t kRanges = 16;
  struct Range {
    std::uint16_t from;  // units of eight bytes
    std::uint16_t to;
  };

  FragmentKey key;
  std::uint32_t since = 0;
  std::uint32_t serial = 0;  // a new number for each use of the slot; 0: free
  std::uint32_t waiting = 0;
  std::uint16_t end = 0;  // in units of eight bytes; 0 until the last fragment has come
  std::uint8_t range_count = 0;
  bool discarded = false;
  bool known = false;  // `facts` are set
  FragmentFacts facts;
  std::array<Range, kRanges> ranges;

  [[nodiscard]] bool complete() const noexcept {
    return end != 0 && range_count == 1 && ranges[0].from == 0 && ranges[0].to == end;
  }
};

enum class FragmentFate : std::uint8_t {
  fits,
  repeated,   // all its bytes have come before
  discarded,  // overlaps another one, or the datagram was discarded before
  scattered,  // the datagram would have more gaps than kRanges allows
};

class FragmentTable {
 public:
  // `datagrams` is rounded up to a power of two; `seed` is secret; `lifetime` in ticks.
  FragmentTable(std::uint32_t datagrams, std::uint64_t seed, std::uint32_t lifetime);

  // Notes the fragment in its datagram, which is made when it is new. The pointer is never NULL.
  struct Admission {
    Datagram* datagram;
    FragmentFate fate;
  };
  [[nodiscard]] Admission admit(const FragmentPart& part, std::uint32_t now) noexcept;
  // The datagram with this serial number; NULL when it is gone.
  [[nodiscard]] Datagram* find(std::uint32_t slot, std::uint32_t serial) noexcept;
  [[nodiscard]] std::uint32_t slot_of(const Datagram& datagram) const noexcept {
    return static_cast<std::uint32_t>(&datagram - slots_.data());
  }
  void forget(Datagram& datagram) noexcept { datagram.serial = 0; }
  // Forgets every datagram of this ingress port.
  void forget_port(std::uint16_t ingress) noexcept;

 private:
  static constexpr std::uint32_t kSlotsPerSet = 4;

  [[nodiscard]] std::span<Datagram> set_of(const FragmentKey& key) noexcept;
  [[nodiscard]] Datagram& find_or_make(const FragmentKey& key, std::uint32_t now) noexcept;

  std::vector<Datagram> slots_;
  std::uint64_t seed_;
  std::uint32_t lifetime_;
  std::uint32_t next_serial_ = 1;
};

}  // namespace twinpath
