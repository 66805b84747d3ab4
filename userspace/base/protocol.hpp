// protocol.hpp - IP protocols by name. Those without a name here are written as their number.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/choice.hpp"
#include "common/wire/ipv4.h"

namespace twinpath {

inline constexpr std::array kProtocols = {
    Choice{"tcp", std::uint8_t{DP_PROTOCOL_TCP}}, Choice{"udp", std::uint8_t{DP_PROTOCOL_UDP}},
    Choice{"icmp", std::uint8_t{DP_PROTOCOL_ICMP}}, Choice{"icmpv6", std::uint8_t{DP_PROTOCOL_ICMPV6}}};

// "tcp", "47".
[[nodiscard]] inline std::string protocol_text(std::uint8_t protocol) {
  const std::string_view word = word_of(kProtocols, protocol);
  return word.empty() ? fmt::format("{}", protocol) : std::string(word);
}

}  // namespace twinpath
