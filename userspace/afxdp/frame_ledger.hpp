// frame_ledger.hpp - the place and the owner of every frame. A frame is in exactly one place and has one owner.
//
// Shape    4 bytes per frame, fixed at construction; a counter per place.
// Cost     move() is one compare, one store and two counter updates. It never allocates and never throws.
// Errors   a move whose start is not the frame's place and owner (a double free, a bogus completion, an index out of
//          range), or whose end equals its start, changes nothing, is counted, and returns false.
// Thread   one writer; count(), refused_moves() and double_frees() may be read by any thread.
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
  free,         // on the free stack
  fill,         // given to the kernel for receive
  rx,           // received, waiting in an RX ring: seen there by Driver::audit()
  engine,       // in a burst of the engine, or held by it
  tx,           // accepted by transmit(): collected, or on a TX ring
  completion,   // transmitted, waiting in a completion ring: seen there by Driver::audit(); or left by a removed socket
  application,  // with an application
};
inline constexpr std::size_t kPlaces = 7;
[[nodiscard]] std::string_view name_of(Place place) noexcept;

// Who has the frame: a socket, an engine, an application, or nobody.
using Owner = std::uint16_t;
inline constexpr Owner kNobody = 0;
inline constexpr Owner kRetired = 0x7fff;  // frames of a removed zero-copy socket, to which its NIC may still write
[[nodiscard]] constexpr Owner socket_owner(std::uint16_t port, std::uint16_t queue) noexcept {
  return static_cast<Owner>(port * DP_QUEUES_MAX + queue);  // never 0: port 0 means "none"
}
[[nodiscard]] constexpr Owner engine_owner(std::uint16_t engine) noexcept {
  return static_cast<Owner>(0x8000 | engine);
}
[[nodiscard]] constexpr Owner application_owner(std::uint16_t application) noexcept {
  return static_cast<Owner>(0xc000 | application);
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
    if (frame >= slots_.size() || slots_[frame] != from || from == to) return refuse_move(frame, to);
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
  [[nodiscard]] std::uint64_t refused_moves() const noexcept { return refused_moves_.value(); }
  [[nodiscard]] std::uint64_t double_frees() const noexcept { return double_frees_.value(); }

  // Recounts every frame; the error names the place whose counter is wrong. Takes a millisecond for a million frames.
  [[nodiscard]] Status check() const;

 private:
  static constexpr std::size_t index(Place place) noexcept { return static_cast<std::size_t>(place); }
  void change(Place place, int by) noexcept {
    auto& count = counts_[index(place)];
    count.store(count.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(by), std::memory_order_relaxed);
  }
  bool refuse_move(std::uint32_t frame, Where to) noexcept;

  std::vector<Where> slots_;
  std::array<std::atomic<std::uint32_t>, kPlaces> counts_{};
  Counter refused_moves_;
  Counter double_frees_;
};

}  // namespace twinpath::afxdp
