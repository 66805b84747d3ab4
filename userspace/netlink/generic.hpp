// generic.hpp - families of generic netlink: their numbers, and their requests.
#pragma once

#include <cstdint>
#include <string_view>

#include "netlink/socket.hpp"

namespace twinpath::netlink {

struct GenericFamily {
  std::uint16_t id = 0;
  int group = 0;  // multicast group to join for its news
};

// Asks for a family and one of its groups. Error EOPNOTSUPP: this kernel has it not.
[[nodiscard]] Result<GenericFamily> find_generic_family(Socket& socket, const char* family, std::string_view group);

[[nodiscard]] Message make_generic_request(std::uint16_t family, std::uint8_t command, std::uint8_t version, int flags);

}  // namespace twinpath::netlink
