// name.hpp - which texts can be names, of ports, zones and rules, and of a gateway.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace twinpath {

inline constexpr std::size_t kNameCharacters = 32;
// In words, after "must be".
inline constexpr std::string_view kNameText = "1 to 32 of A-Z a-z 0-9 _ . - and not \".\" or \"..\"";
inline constexpr std::string_view kGatewayNameText = "1 to 32 of A-Z a-z 0-9 _ -";

// [A-Za-z0-9_.-]{1,32}, and neither "." nor "..".
[[nodiscard]] constexpr bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kNameCharacters || text == "." || text == "..") return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

// A gateway's name is a directory in bpffs, which refuses every name with a dot.
[[nodiscard]] constexpr bool is_gateway_name(std::string_view text) {
  return is_name(text) && text.find('.') == std::string_view::npos;
}

}  // namespace twinpath
