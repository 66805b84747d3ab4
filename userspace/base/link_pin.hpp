// link_pin.hpp - the name of the pin of a device's XDP link, in a gateway's directory of pins.
//
// Text     kLinkPinPrefix and the device's name, with "%" and ".", which bpffs refuses, as % and two hexadecimal digits.
// Thread   any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace twinpath {

[[nodiscard]] std::string link_pin_name(std::string_view device);
// The device whose link has this name; absent when it is another pin's name.
[[nodiscard]] std::optional<std::string> device_of_link_pin(std::string_view name);

}  // namespace twinpath
