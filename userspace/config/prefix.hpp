// prefix.hpp - an address prefix as an operator writes it: "10.1.0.0/16", "2001:db8::/48", a bare address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "common/model/address.h"

namespace twinpath {

// IPv4 lies in word[0]; network order; no bits set below `bits`.
struct Prefix {
  std::uint8_t family = DP_FAMILY_NONE;  // DP_FAMILY_V4 or DP_FAMILY_V6
  std::uint8_t bits = 0;                 // 0..32 or 0..128
  dp_address base{};

  [[nodiscard]] dp_address mask() const;
  [[nodiscard]] bool whole_address() const { return bits == (family == DP_FAMILY_V4 ? 32 : 128); }
  [[nodiscard]] std::string text() const;  // canonical; a whole address without its length
};

// The error says what is allowed: "prefix length must be 0..32".
[[nodiscard]] tl::expected<Prefix, std::string> parse_prefix(std::string_view text);
// A bare address. `bits` is that of the whole address.
[[nodiscard]] tl::expected<Prefix, std::string> parse_address(std::string_view text);

// The first `bits` bits set, network order.
[[nodiscard]] dp_address mask_of(std::uint8_t bits);

}  // namespace twinpath
