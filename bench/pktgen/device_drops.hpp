// device_drops.hpp - how many frames a device has dropped on their way out, as /proc/net/dev has it.
#pragma once

#include <cstdint>
#include <string>

namespace twinpath::pktgen {

// 0 when the device or the namespace cannot be read.
[[nodiscard]] std::uint64_t device_drops(const std::string& netns, const std::string& device);

}  // namespace twinpath::pktgen
