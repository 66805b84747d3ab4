// found_neighbours.hpp - the neighbours that Linux had on a device before the gateway managed any, and how they are put
// back.
//
// Put back  A neighbour that is managed and was not: it is managed no longer when it was there, and deleted when it was not.
//           What Linux has learnt meanwhile by itself stays.
// Why       A managed neighbour is probed for ever, also when nobody uses it any more.
// Namespace that of the calling thread. Privilege: CAP_NET_ADMIN to put back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "netlink/state.hpp"

namespace twinpath::netlink {

struct FoundNeighbours {
  std::string device;
  std::uint32_t ifindex = 0;
  std::map<IpAddress, bool> managed;  // by address; true: somebody else has had it managed
};

[[nodiscard]] FoundNeighbours find_neighbours(const std::string& device, std::uint32_t ifindex,
                                              const std::map<NeighbourKey, Neighbour>& all);

// Of each of these devices. One that is gone has none.
[[nodiscard]] Status put_neighbours_back(const std::vector<FoundNeighbours>& found);

}  // namespace twinpath::netlink
