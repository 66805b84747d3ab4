// neighbour_source.hpp - neighbours for an engine that does not read the kernel's map.
#pragma once

#include <cstdint>

#include "common/model/next_hop.h"

namespace twinpath {

// Called on the engine's thread, once per new flow or fragment: must not block.
class NeighbourSource {
 public:
  virtual ~NeighbourSource() = default;
  // Index of the next hop, 0 when the neighbour is not known.
  [[nodiscard]] virtual std::uint32_t neighbour(const dp_neighbour_key& key) const noexcept = 0;
};

}  // namespace twinpath
