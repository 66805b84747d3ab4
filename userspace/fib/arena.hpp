// arena.hpp - hands out runs of consecutive numbers, and takes them back: places in an array that the caller owns.
//
// Shape    best fit: of the free runs the shortest that is long enough, the lowest of equals. Free neighbours are joined.
// Thread   one at a time. A run that others still read must not be given back: the caller waits first.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "base/result.hpp"

namespace twinpath {

struct Run {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  auto operator<=>(const Run&) const = default;
};

class Arena {
 public:
  // Hands out first .. end - 1.
  Arena(std::uint32_t first, std::uint32_t end);

  // Refused when no free run is long enough: the error says how many are in use.
  [[nodiscard]] Result<Run> take(std::uint32_t count);
  void give_back(const Run& run);

  [[nodiscard]] std::uint32_t used() const { return used_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  void add_free(Run run);

  std::map<std::uint32_t, std::uint32_t> free_;                // first: count
  std::set<std::pair<std::uint32_t, std::uint32_t>> by_size_;  // count, first
  std::uint32_t used_ = 0;
  std::uint32_t size_;
};

}  // namespace twinpath
