#include "base/link_pin.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/paths.hpp"

namespace twinpath {

std::string link_pin_name(std::string_view device) {
  std::string name = kLinkPinPrefix;
  for (const char c : device)
    name += c == '.' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned>(c)) : std::string(1, c);
  return name;
}

std::optional<std::string> device_of_link_pin(std::string_view name) {
  const std::string_view prefix = kLinkPinPrefix;
  if (!name.starts_with(prefix)) return std::nullopt;
  std::string device;
  for (name.remove_prefix(prefix.size()); !name.empty();) {
    unsigned code = 0;
    const bool escape = name.size() >= 3 && name.front() == '%' &&
                        std::from_chars(name.data() + 1, name.data() + 3, code, 16).ptr == name.data() + 3;
    device += escape ? static_cast<char>(code) : name.front();
    name.remove_prefix(escape ? 3 : 1);
  }
  return device;
}

}  // namespace twinpath
