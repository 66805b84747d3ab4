// frame_ledger.hpp - the place and the owner of every frame. A frame is in exactly one place and has one owner.
//
// Shape    4 bytes per frame, fixed at construction; a counter per place.
// Cost     move() is one compare, one store and two counter updates. It never allocates and never throws.
// Errors   a move whose start is not the frame's place and owner (a double free, a bogus completion, an index out of
//          range), or whose end equals its start, changes nothing and returns false.
// Thread   one writer; count() may be read by any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "afxdp/statistics.hpp"
#include "base/result.hpp"
#include "common/model/limits.h"

namespace twinpath::afxdp {

enum class Place : std::uint8_t {
  free,        // on the free stack
  fill,        // given to the kernel for receive
  rx,          // received, waiting in an RX ring. The kernel tells nobody: such a frame counts as `fill`, and this as 0
  engine,      // in a burst of the engine, or held by it
  tx,          // accepted by transmit(): collected, or on a TX ring
  completion,  // left by a removed zero-copy socket; what waits in a completion ring counts as `tx`
  application,  // with an application: there are none yet
};
inline constexpr std::size_t kPlaces = 7;
[[nodiscard]] std::string_view name_of(Place place) noexcept;

// Who has the frame: an open socket, by its number 1..DP_SOCKETS_MAX; an engine; or nobody.
using Owner = std::uint16_t;
inline constexpr Owner kNobody = 0;
inline constexpr Owner kRetired = 0x7fff;  // frames of a removed zero-copy socket, to which its NIC may still write
static_assert(DP_SOCKETS_MAX < kRetired);
[[nodiscard]] constexpr Owner engine_owner(std::uint16_t engine) noexcept {
  return static_cast<Owner>(0x8000 | engine);
}

struct Where {
  Owner owner = kNobody;
  Place place = Place::free;
  friend bool operator==(const Where&, const Where&) = default;
};
static_assert(sizeof(Where) == 4);
inline constexpr Where kFree{};

class FrameLedger {
 public:
  // All frames are free at first.
  explicit FrameLedger(std::uint32_t frames);

  [[nodiscard]] bool move(std::uint32_t frame, Where from, Where to) noexcept {
    if (frame >= slots_.size() || slots_[frame] != from || from == to) return false;
    slots_[frame] = to;
    change(from.place, -1);
    change(to.place, 1);
    return true;
  }
  // kFree when there is no such frame.
  [[nodiscard]] Where where(std::uint32_t frame) const noexcept {
    return frame < slots_.size() ? slots_[frame] : kFree;
  }

  [[nodiscard]] std::uint32_t frames() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] std::uint32_t count(Place place) const noexcept {
    return counts_[index(place)].load(std::memory_order_relaxed);
  }

  // Recounts every frame; the error names the place whose counter is wrong. Takes a millisecond for a million frames.
  [[nodiscard]] Status check() const;

 private:
  static constexpr std::size_t index(Place place) noexcept { return static_cast<std::size_t>(place); }
  void change(Place place, int by) noexcept {
    auto& count = counts_[index(place)];
    count.store(count.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(by), std::memory_order_relaxed);
  }

  std::vector<Where> slots_;
  std::array<std::atomic<std::uint32_t>, kPlaces> counts_{};
};

}  // namespace twinpath::afxdp
