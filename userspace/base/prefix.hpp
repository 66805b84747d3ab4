// prefix.hpp - a set of addresses that begin alike: "10.1.0.0/16", "2001:db8::/48", a bare address.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/address.hpp"

namespace twinpath {

// Bits of the base behind the first `bits` are zero. A key of maps.
struct Prefix {
  IpAddress base;
  std::uint8_t bits = 0;  // 0..32 or 0..128

  auto operator<=>(const Prefix&) const = default;

  [[nodiscard]] dp_address mask() const;
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool whole_address() const { return bits == (base.family == DP_FAMILY_V4 ? 32 : 128); }
  [[nodiscard]] std::string text() const;  // canonical; a whole address without its length
};

// The prefix of this length around an address; its other bits are cleared.
[[nodiscard]] Prefix make_prefix(const IpAddress& address, std::uint8_t bits);

// What a text must be, in words.
inline constexpr std::string_view kPrefixText = "an IPv4 or IPv6 address or a prefix of one";

// The error says what is allowed: "prefix length must be 0..32". Host bits and IPv4-mapped addresses are refused, since
// they show a mistake.
[[nodiscard]] tl::expected<Prefix, std::string> parse_prefix(std::string_view text);

// The first `bits` bits set, network order.
[[nodiscard]] dp_address mask_of(std::uint8_t bits);

}  // namespace twinpath
