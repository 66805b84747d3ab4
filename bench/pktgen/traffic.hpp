// traffic.hpp - what the generator sends: which packets, of which flows, in which order.
//
// Flows     numbered from 0. A number stands for one five-tuple: the source port varies fastest, then the source address,
//           the destination port, the destination address; a number beyond the last tuple begins again at the first.
// Life      the flows at work are a window of `flows` consecutive numbers. New flows push the window on: the oldest falls
//           out, the next number comes in and is sent at once. So the first pass is always in sequence, whatever `order`.
// Sizes     of a frame as on a wire: with the four bytes of check sequence that no buffer holds ("64-byte packets").
// Source    RFC 2544 section C.2.2 for the default addresses; "simple IMIX" is 7 : 4 : 1 of 64, 594 and 1518 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace twinpath::pktgen {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };
enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };
enum class Order : std::uint8_t { sequence, random };
// automatic: SYN for the first packet of a flow, ACK for the others.
enum class TcpFlags : std::uint8_t { automatic, syn, ack };

using MacAddress = std::array<std::uint8_t, 6>;
using AddressBytes = std::array<std::uint8_t, 16>;  // network order; IPv4 in the first four

// `count` addresses from `first` on; they differ in the lowest 32 bits only.
struct AddressRange {
  Family family = Family::v4;
  AddressBytes first{};
  std::uint32_t count = 1;  // to 2^31
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(last - first) + 1; }
};

// "198.18.0.0/16" (without network and broadcast address), "2001:db8::/112" (without the lowest), "10.0.0.1-10.0.0.9",
// "10.0.0.1".
[[nodiscard]] Result<AddressRange> parse_addresses(std::string_view text);
// "9" or "1024-65535".
[[nodiscard]] Result<PortRange> parse_ports(std::string_view text);
[[nodiscard]] Result<MacAddress> parse_mac(std::string_view text);

// 198.18.0.0/16 and 2001:db8:1::/96; 198.19.0.1 and 2001:db8:2::1.
[[nodiscard]] AddressRange default_source(Family family);
[[nodiscard]] AddressRange default_destination(Family family);

inline constexpr std::uint16_t kDefaultMagic = 0x7470;  // "tp"

struct Traffic {
  Family family = Family::v4;
  Protocol protocol = Protocol::udp;
  TcpFlags tcp_flags = TcpFlags::automatic;
  MacAddress source_mac{};
  MacAddress destination_mac{};
  AddressRange source = default_source(Family::v4);
  AddressRange destination = default_destination(Family::v4);
  PortRange source_ports{1024, 65535};
  PortRange destination_ports{9, 9};

  std::uint32_t flows = 1;
  Order order = Order::sequence;
  double new_flows_per_second = 0;
  bool every_packet_new = false;  // each packet begins a flow; new_flows_per_second is not looked at

  std::uint32_t frame_bytes = 64;  // raised to least_frame_bytes()
  bool imix = false;               // instead of frame_bytes

  // Our payload in each packet: magic, flow, sequence, time of sending. Without it the sink can count and check
  // checksums, but knows nothing of order, flows and latency.
  bool stamps = true;
  // Every how many packets the time is taken (a power of two): a clock costs 34 ns, as much as the rest.
  std::uint32_t clock_every = 16;
  // Tells one run's packets from another's; replies carry its complement.
  std::uint16_t magic = kDefaultMagic;
};

[[nodiscard]] std::string_view name_of(Protocol protocol);

// The shortest frame that holds headers and payload: 64 to 96 bytes (docs/pktgen.md has the table).
[[nodiscard]] std::uint32_t least_frame_bytes(const Traffic& traffic);
// The sizes sent, ascending, each as often as it comes in a round: one, or IMIX's twelve.
[[nodiscard]] std::vector<std::uint32_t> frame_sizes(const Traffic& traffic);
// How many five-tuples the ranges give, at most 2^31.
[[nodiscard]] std::uint64_t tuple_count(const Traffic& traffic);
// Says what cannot be sent: families that do not fit, more flows than tuples, sizes out of range.
[[nodiscard]] Status check(const Traffic& traffic);

// The headers of a packet, with zero for what varies (addresses' low halves, ports, lengths, checksums, sequence and
// acknowledgement): Ethernet, IP, transport.
[[nodiscard]] std::vector<std::uint8_t> frame_template(const Traffic& traffic);

}  // namespace twinpath::pktgen
