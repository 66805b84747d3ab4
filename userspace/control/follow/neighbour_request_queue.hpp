// neighbour_request_queue.hpp - the engine's requests for neighbours, on their way to the control thread.
//
// The engine's thread puts requests into a bounded ring; the control thread takes them out, gives each neighbour a next
// hop and lets Linux resolve it. A full ring drops requests: the engine repeats them while packets wait.
// Threads  request(): the engine's. Everything else: the control thread's.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "engine/neighbour_requests.hpp"

namespace twinpath {

class NeighbourRequestQueue final : public NeighbourRequests {
 public:
  [[nodiscard]] static Result<std::unique_ptr<NeighbourRequestQueue>> create();

  void request(const AwaitedNeighbour& neighbour) noexcept override;

  // Readable when there are requests.
  [[nodiscard]] int fd() const { return wake_.get(); }
  // All requests since the last call, each neighbour once.
  [[nodiscard]] std::vector<AwaitedNeighbour> take();

 private:
  explicit NeighbourRequestQueue(UniqueFd wake) : wake_(std::move(wake)) {}

  static constexpr std::size_t kSlots = 4096;
  UniqueFd wake_;
  std::array<AwaitedNeighbour, kSlots> ring_{};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> read_{0};
};

}  // namespace twinpath
