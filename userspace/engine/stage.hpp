// stage.hpp - a step of the user datapath.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/item.hpp"

namespace twinpath {

// Works on the undecided items of a burst. It owns no frame, keeps no pointer after run() returns, never blocks and
// never allocates. An item that it cannot process gets a drop reason; run() itself cannot fail. One virtual call per
// burst.
class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  virtual void run(std::span<Item> burst, std::uint32_t now) noexcept = 0;
};

}  // namespace twinpath
