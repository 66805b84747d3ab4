#include "base/mac.hpp"

#include <fmt/format.h>

#include <charconv>

namespace twinpath {

std::optional<MacAddress> parse_mac(std::string_view text) {
  constexpr std::size_t kCharacters = 17;
  if (text.size() != kCharacters) return {};
  MacAddress mac{};
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* octet = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(octet, octet + 2, mac[i], 16);
    if (error != std::errc{} || end != octet + 2) return {};
    if (i + 1 < mac.size() && *end != ':') return {};
  }
  return mac;
}

std::string to_string(const MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

}  // namespace twinpath
