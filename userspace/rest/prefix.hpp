// prefix.hpp - an address prefix in a query: "10.1.0.0/16", "192.0.2.7", "2001:db8::/32".
//
// Order    network, as in common/model/address.h. A plain address is a prefix of full length.
// Errors   refused with what is allowed; bits outside the mask are refused too, because they show a slip of the hand.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "common/model/address.h"

namespace twinpath::rest {

struct Prefix {
  std::uint8_t family = DP_FAMILY_NONE;  // enum dp_family
  std::uint8_t bits = 0;                 // 0..32 or 0..128
  dp_address base{};
  dp_address mask{};

  [[nodiscard]] bool contains(std::uint8_t other_family, const dp_address& other) const {
    return other_family == family && dp_address_in(&other, &base, &mask) != 0;
  }
};

[[nodiscard]] Result<Prefix> parse_prefix(std::string_view text);

// An address without a length.
[[nodiscard]] Result<Prefix> parse_address(std::string_view text);

}  // namespace twinpath::rest
