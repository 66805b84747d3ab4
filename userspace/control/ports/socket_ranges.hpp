// socket_ranges.hpp - hands out ranges of the map `sockets` to devices: one socket per queue, in a row.
//
// Adoption  Ranges need not be those of an earlier daemon: its sockets have left the map with it, and the kernel drops a
//           frame that is redirected to the socket of another device or queue.
// Thread    the control thread's.
#pragma once

#include <cstdint>
#include <map>

#include "base/result.hpp"
#include "common/model/limits.h"

namespace twinpath {

struct SocketRange {
  std::uint16_t first = 0;
  std::uint16_t count = 0;
};

class SocketRanges {
 public:
  explicit SocketRanges(std::uint32_t sockets = DP_SOCKETS_MAX) : free_{{0, sockets}} {}

  // The first range that is long enough. Refused when there is none.
  [[nodiscard]] Result<SocketRange> take(std::uint32_t count);
  void give_back(const SocketRange& range);

 private:
  std::map<std::uint32_t, std::uint32_t> free_;  // first → count; no two of them touch
};

}  // namespace twinpath
