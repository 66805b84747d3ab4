// address.hpp - an IP address with its family, an address with a port, and both as text.
//
// Order    addresses: network, IPv4 in word[0] (common/model/address.h). Ports: host.
// Text     inet_ntop(3) and inet_pton(3): dotted quads of four decimal parts, IPv6 as in RFC 5952, no scope.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "common/model/address.h"

namespace twinpath {

// A key of maps. Family is DP_FAMILY_NONE, DP_FAMILY_V4 or DP_FAMILY_V6.
struct IpAddress {
  std::uint8_t family = DP_FAMILY_NONE;
  dp_address address{};

  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    if (a.family != b.family) return a.family <=> b.family;
    return std::memcmp(&a.address, &b.address, sizeof a.address) <=> 0;
  }
  friend bool operator==(const IpAddress& a, const IpAddress& b) { return (a <=> b) == 0; }
};

// Of family DP_FAMILY_NONE when `text` is no address.
[[nodiscard]] IpAddress parse_address(std::string_view text);
[[nodiscard]] std::string to_string(const IpAddress& address);  // empty: DP_FAMILY_NONE

// 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_loopback(const IpAddress& address);

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "127.0.0.1:9080" or "[::1]:9080"; brackets around IPv6, and around nothing else.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);
// The same of an address that is text already.
[[nodiscard]] std::string endpoint_text(std::string_view address, std::uint64_t port);

}  // namespace twinpath
