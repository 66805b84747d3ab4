// hold_queue.hpp - packets that wait for a neighbour.
//
// Bounds   `per_neighbour` packets for one neighbour, `total` in all; beyond them the newcomer is dropped (hold_full).
//          A packet waits `hold_ticks` ticks at most, and no longer than until Linux gives the neighbour up: after three
//          probes, a second apart.
// Order    packets leave in the order they came in, so those of a flow stay in order.
// Cost     both questions of a newcomer are answered by counters, a walk is only for retries: a flood towards one dead
//          neighbour costs the engine no more than its drops.
// Thread   the engine's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/model/next_hop.h"
#include "engine/item.hpp"

namespace twinpath {

// Whom a packet waits for: a neighbour on the link, or a gateway that already has a next hop.
struct AwaitedNeighbour {
  dp_address address{};  // of the neighbour; zero when `next_hop` names it
  std::uint16_t port = 0;
  std::uint16_t next_hop = 0;
  std::uint8_t family = 0;

  friend bool operator==(const AwaitedNeighbour& a, const AwaitedNeighbour& b) noexcept {
    return a.port == b.port && a.next_hop == b.next_hop && a.family == b.family &&
           dp_address_equal(&a.address, &b.address) != 0;
  }
};

struct Waiting {
  Item item;
  AwaitedNeighbour neighbour;
  std::uint32_t since;
  std::uint32_t asked;  // when the neighbour was last asked for on behalf of this packet
  bool failed;          // the neighbour counted as failed when last looked at
};

class HoldQueue {
 public:
  HoldQueue(std::uint32_t total, std::uint32_t per_neighbour);

  // Takes the item over; false when there is no room, and then the item stays the caller's. `failed`: Linux had given the
  // neighbour up before this packet came.
  [[nodiscard]] bool hold(const Item& item, const AwaitedNeighbour& neighbour, std::uint32_t now,
                          bool failed = false) noexcept;
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  // Does an earlier packet of the flow in `slot` wait here? Then later ones must not overtake it.
  [[nodiscard]] bool waits_for_flow(std::uint8_t family, std::uint32_t slot) const noexcept;

  // Offers every held packet in order of arrival. `visit` returns true when it has taken the item out. Those past their
  // time are offered with `expired`, and must be taken.
  template <class Visit>
  void visit(std::uint32_t now, std::uint32_t hold_ticks, Visit&& visit) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      const bool expired = now - waiting_[i].since > hold_ticks;
      if (visit(waiting_[i], expired) || expired) continue;
      if (kept != i) waiting_[kept] = waiting_[i];
      ++kept;
    }
    waiting_.resize(kept);
    count_again();
  }

 private:
  // Open addressing, twice as many places as packets; emptied and filled anew after each visit, so nothing is removed.
  struct NeighbourCount {
    AwaitedNeighbour neighbour;
    std::uint32_t count = 0;
  };
  static constexpr std::size_t kFlowMarks = 4096;

  void count_again() noexcept;
  void count(const Waiting& waiting) noexcept;
  [[nodiscard]] NeighbourCount& count_of(const AwaitedNeighbour& neighbour) noexcept;

  std::vector<Waiting> waiting_;  // reserved once, never grows beyond
  std::vector<NeighbourCount> neighbours_;
  std::array<std::uint16_t, kFlowMarks> flow_marks_{};  // waiting packets by hash of their flow: 0 is certain
  std::uint32_t total_;
  std::uint32_t per_neighbour_;
};

}  // namespace twinpath
