#include "control/ports/socket_ranges.hpp"

#include <algorithm>

namespace twinpath {

Result<SocketRange> SocketRanges::take(std::uint32_t count) {
  const auto found = std::ranges::find_if(free_, [count](const auto& range) { return range.second >= count; });
  if (found == free_.end())
    return refuse("no {} AF_XDP sockets in a row are left of {}: let devices have fewer queues", count,
                  int{DP_SOCKETS_MAX});
  const auto [first, length] = *found;
  free_.erase(found);
  if (length > count) free_.emplace(first + count, length - count);
  return SocketRange{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(count)};
}

void SocketRanges::give_back(const SocketRange& range) {
  if (range.count == 0) return;
  auto [at, added] = free_.emplace(range.first, range.count);
  if (const auto next = std::next(at); next != free_.end() && at->first + at->second == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at == free_.begin()) return;
  if (const auto before = std::prev(at); before->first + before->second == at->first) {
    before->second += at->second;
    free_.erase(at);
  }
}

}  // namespace twinpath
