// holding_pen.hpp - packets that wait for a neighbour.
//
// Bounds   `per_neighbour` packets for one neighbour, `total` in all; beyond them the newcomer is dropped (hold_full).
//          A packet waits `patience` ticks at most: Linux gives up a neighbour after three probes, a second apart.
// Order    packets leave in the order they came in, so those of a flow stay in order.
// Thread   the engine's.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/model/next_hop.h"
#include "pipeline/item.hpp"

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

class HoldingPen {
 public:
  HoldingPen(std::uint32_t total, std::uint32_t per_neighbour);

  // Takes the item over; false when there is no room, and then the item stays the caller's.
  [[nodiscard]] bool hold(const Item& item, const AwaitedNeighbour& neighbour, std::uint32_t now) noexcept;
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  // Does an earlier packet of the flow in `slot` wait here? Then later ones must not overtake it.
  [[nodiscard]] bool waits_for_flow(std::uint8_t family, std::uint32_t slot) const noexcept;

  // Offers every held item in order of arrival. `visit` returns true when it has taken the item out. Items past their
  // time are offered with `expired`, and must be taken.
  template <class Visit>
  void visit(std::uint32_t now, std::uint32_t patience, Visit&& visit) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      const bool expired = now - waiting_[i].since > patience;
      if (visit(waiting_[i].item, expired) || expired) continue;
      if (kept != i) waiting_[kept] = waiting_[i];
      ++kept;
    }
    waiting_.resize(kept);
  }

 private:
  struct Waiting {
    Item item;
    AwaitedNeighbour neighbour;
    std::uint32_t since;
  };

  std::vector<Waiting> waiting_;  // reserved once, never grows beyond
  std::uint32_t total_;
  std::uint32_t per_neighbour_;
};

}  // namespace twinpath
