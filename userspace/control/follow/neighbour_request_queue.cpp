#include "control/follow/neighbour_request_queue.hpp"

#include <sys/eventfd.h>

#include <algorithm>

namespace twinpath {

Result<std::unique_ptr<NeighbourRequestQueue>> NeighbourRequestQueue::create() {
  UniqueFd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!wake) return fail(errno, "create an eventfd");
  return std::unique_ptr<NeighbourRequestQueue>(new NeighbourRequestQueue(std::move(wake)));
}

void NeighbourRequestQueue::request(const AwaitedNeighbour& neighbour) noexcept {
  const std::uint64_t at = written_.load(std::memory_order_relaxed);
  const std::uint64_t read = read_.load(std::memory_order_acquire);
  if (at - read >= kSlots) return;  // the engine repeats the request while packets wait
  if (at != read && ring_[(at - 1) % kSlots] == neighbour) return;
  ring_[at % kSlots] = neighbour;
  written_.store(at + 1, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
}

std::vector<AwaitedNeighbour> NeighbourRequestQueue::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto drained = ::read(wake_.get(), &count, sizeof(count));
  std::vector<AwaitedNeighbour> out;
  std::uint64_t at = read_.load(std::memory_order_relaxed);
  const std::uint64_t end = written_.load(std::memory_order_acquire);
  for (; at != end; ++at) {
    const AwaitedNeighbour& awaited = ring_[at % kSlots];
    if (std::find(out.begin(), out.end(), awaited) == out.end()) out.push_back(awaited);
  }
  read_.store(end, std::memory_order_release);
  return out;
}

}  // namespace twinpath
