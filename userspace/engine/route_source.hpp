// route_source.hpp - routes and neighbours for an engine that does not read the kernel's maps.
#pragma once

#include <cstdint>

#include "common/model/next_hop.h"
#include "common/model/route.h"

namespace twinpath {

// Called on the engine's thread, once per new flow or fragment: must not block.
class RouteSource {
 public:
  virtual ~RouteSource() = default;
  // Longest prefix match; NULL when there is none. The pointer is valid for one packet.
  [[nodiscard]] virtual const dp_route* route(std::uint32_t bank, std::uint8_t family,
                                              const dp_address& address) const noexcept = 0;
  // Index of the next hop, 0 when the neighbour is not known.
  [[nodiscard]] virtual std::uint32_t neighbour(const dp_neighbour_key& key) const noexcept = 0;
};

}  // namespace twinpath
