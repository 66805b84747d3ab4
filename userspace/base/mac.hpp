// mac.hpp - an Ethernet address as operators write it: "00:00:5e:00:01:07".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinpath {

using MacAddress = std::array<std::uint8_t, 6>;  // as on the wire

[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text);
[[nodiscard]] std::string to_string(const MacAddress& mac);

}  // namespace twinpath
