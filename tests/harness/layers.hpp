// layers.hpp - the layers a test frame is built from, as plain structs; packet.hpp puts them together.
//
// Units    numbers in host order, as one writes them down. The default addresses are those of documentation (RFC 5737,
//          RFC 3849, RFC 7042), so a test states only what matters. Computed fields are std::optional.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <variant>
#include <vector>

namespace twinpath::test {

using Bytes = std::vector<std::uint8_t>;

struct Mac {
  std::array<std::uint8_t, 6> octets{};
  friend bool operator==(const Mac&, const Mac&) = default;
};

inline constexpr Mac kGatewayMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};  // the ingress port's
inline constexpr Mac kPeerMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x02}};
inline constexpr Mac kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
inline constexpr Mac kMulticastMac{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}};

// Addresses are written as text: Ipv4{.src = "192.0.2.1"}.
struct Ip4 {
  std::array<std::uint8_t, 4> octets{};
  Ip4(const char* text) {
    if (inet_pton(AF_INET, text, octets.data()) != 1) throw std::invalid_argument(text);
  }
  explicit Ip4(std::array<std::uint8_t, 4> value) : octets(value) {}
};

struct Ip6 {
  std::array<std::uint8_t, 16> octets{};
  Ip6(const char* text) {
    if (inet_pton(AF_INET6, text, octets.data()) != 1) throw std::invalid_argument(text);
  }
  explicit Ip6(std::array<std::uint8_t, 16> value) : octets(value) {}
};

struct Eth {
  Mac dst = kGatewayMac;
  Mac src = kPeerMac;
  std::optional<std::uint16_t> type = {};
};

struct Vlan {
  std::uint16_t id = 100;
  std::uint8_t priority = 0;
  std::uint16_t tpid = 0x8100;
  std::optional<std::uint16_t> type = {};
};

struct Arp {
  std::uint16_t operation = 1;
  Mac sender_mac = kPeerMac;
  Ip4 sender = "192.0.2.1";
  Mac target_mac = {};
  Ip4 target = "192.0.2.254";
};

struct Ipv4 {
  Ip4 src = "192.0.2.1";
  Ip4 dst = "198.51.100.1";
  std::uint8_t ttl = 64;
  std::uint8_t service = 0;
  std::uint16_t id = 0x1234;
  bool df = false;
  bool mf = false;
  std::uint16_t offset = 0;  // in units of eight bytes, as in the header
  Bytes options = {};        // padded with zeros to a multiple of four
  std::uint8_t version = 4;
  std::optional<std::uint8_t> ihl = {};
  std::optional<std::uint16_t> total_length = {};
  std::optional<std::uint8_t> protocol = {};
  std::optional<std::uint16_t> checksum = {};
};

struct Ipv6 {
  Ip6 src = "2001:db8::1";
  Ip6 dst = "2001:db8:1::1";
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;
  std::uint8_t version = 6;
  std::optional<std::uint16_t> payload_length = {};
  std::optional<std::uint8_t> next = {};
};

// Hop-by-hop options (0), destination options (60), routing (43): `body` follows the two fixed bytes and is padded with
// zeros (Pad1 options) to a multiple of eight in all.
struct Extension {
  std::uint8_t protocol = 60;
  Bytes body = Bytes(6);  // six Pad1 options
  std::optional<std::uint8_t> next = {};
  std::optional<std::uint8_t> length = {};
};

inline Extension hop_by_hop() { return Extension{.protocol = 0}; }
inline Extension destination_options() { return Extension{.protocol = 60}; }
inline Extension routing(std::uint8_t type = 0) { return Extension{.protocol = 43, .body = {type, 0, 0, 0, 0, 0}}; }

struct Fragment6 {
  std::uint16_t offset = 0;  // in units of eight bytes
  bool more = false;
  std::uint32_t id = 0x12345678;
  std::optional<std::uint8_t> next = {};
};

namespace tcp {
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32, kEce = 64, kCwr = 128;
}

struct Tcp {
  std::uint16_t sport = 49152;
  std::uint16_t dport = 80;
  std::uint32_t seq = 1000;
  std::uint32_t ack = 0;
  std::uint8_t flags = tcp::kSyn;
  std::uint16_t window = 65535;
  std::uint16_t urgent = 0;
  Bytes options = {};
  std::optional<std::uint8_t> data_offset = {};
  std::optional<std::uint16_t> checksum = {};
};

struct Udp {
  std::uint16_t sport = 49152;
  std::uint16_t dport = 53;
  std::optional<std::uint16_t> length = {};
  std::optional<std::uint16_t> checksum = {};
};

// ICMP below IPv4, ICMPv6 below IPv6: the number and the checksum follow the layer above.
struct Icmp {
  std::uint8_t type = 8;
  std::uint8_t code = 0;
  std::uint16_t id = 0x4242;
  std::uint16_t sequence = 1;
  std::optional<std::uint16_t> checksum = {};
};

// Bytes as they are; as `protocol` they follow an IP header.
struct Raw {
  Bytes data = {};
  std::optional<std::uint8_t> protocol = {};
};

// `size` bytes 0, 1, 2, ...
inline Raw Payload(std::size_t size) {
  Raw raw;
  for (std::size_t i = 0; i < size; ++i) raw.data.push_back(static_cast<std::uint8_t>(i));
  return raw;
}

using Layer = std::variant<Eth, Vlan, Arp, Ipv4, Ipv6, Extension, Fragment6, Tcp, Udp, Icmp, Raw>;

}  // namespace twinpath::test
