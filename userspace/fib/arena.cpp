#include "fib/arena.hpp"

#include <cerrno>

namespace twinpath {

Arena::Arena(std::uint32_t first, std::uint32_t end) : size_(first < end ? end - first : 0) {
  if (size_ != 0) add_free({first, size_});
}

Result<Run> Arena::take(std::uint32_t count) {
  const auto fit = by_size_.lower_bound({count, 0});
  if (fit == by_size_.end()) return fail(ENOSPC, "no room for {} more: {} of {} are in use", count, used_, size_);
  const Run found{fit->second, fit->first};
  by_size_.erase(fit);
  free_.erase(found.first);
  if (found.count > count) add_free({found.first + count, found.count - count});
  used_ += count;
  return Run{found.first, count};
}

void Arena::give_back(const Run& run) {
  used_ -= run.count;
  add_free(run);
}

void Arena::add_free(Run run) {
  auto next = free_.lower_bound(run.first);
  if (next != free_.end() && run.first + run.count == next->first) {
    run.count += next->second;
    by_size_.erase({next->second, next->first});
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == run.first) {
      run = {before->first, before->second + run.count};
      by_size_.erase({before->second, before->first});
      free_.erase(before);
    }
  }
  free_.emplace(run.first, run.count);
  by_size_.emplace(run.count, run.first);
}

}  // namespace twinpath
