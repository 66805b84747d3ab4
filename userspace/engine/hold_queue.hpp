// hold_queue.hpp - packets that wait for a neighbour.
//
// Bounds   `per_neighbour` packets for one neighbour, `total` in all, and of one ingress port as many as there is room left
//          for others: one port alone has at most half, two a third each, and so on (dynamic thresholds: Choudhury and Hahne,
//          IEEE/ACM Transactions on Networking 6, 1998). Beyond them an arriving packet is dropped (hold_full). A packet
//          waits `hold_ticks` ticks at most, and no longer than until Linux marks the neighbour as failed: after three
//          probes, a second apart.
// Order    packets leave in the order they came in, so those of a flow stay in order.
// Cost     hold() and waits_for_flow() read counters; only visit() walks the queue, and waits_for_flow() when its
//          counter is not zero. So a flood towards one dead neighbour costs the engine no more than its drops.
// Thread   the engine's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/model/next_hop.h"
#include "engine/item.hpp"

namespace twinpath {

// The neighbour that a packet waits for: a host on the link, or a gateway that already has a next hop.
struct AwaitedNeighbour {
  dp_address address{};  // of the neighbour; zero when `next_hop` names it
  std::uint16_t port = 0;
  std::uint16_t next_hop = 0;
  std::uint16_t mtu = 0;  // of the route to a host on the link; 0: the port's
  std::uint8_t family = 0;

  friend bool operator==(const AwaitedNeighbour& a, const AwaitedNeighbour& b) noexcept {
    return a.port == b.port && a.next_hop == b.next_hop && a.mtu == b.mtu && a.family == b.family &&
           dp_address_equal(&a.address, &b.address) != 0;
  }
};

struct Waiting {
  Item item;
  AwaitedNeighbour neighbour;
  std::uint32_t since;
  std::uint32_t requested;  // tick of the last request for the neighbour on behalf of this packet
  bool failed;              // Linux had marked the neighbour as failed at the last look
};

class HoldQueue {
 public:
  HoldQueue(std::uint32_t total, std::uint32_t per_neighbour);

  // Takes the item over. False: the queue is full, and the item stays the caller's. `failed`: Linux had marked the
  // neighbour as failed before this packet came.
  [[nodiscard]] bool hold(const Item& item, const AwaitedNeighbour& neighbour, std::uint32_t now,
                          bool failed = false) noexcept;
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  // Whether a packet of the flow in `slot` waits here: later packets of the flow must not overtake it.
  [[nodiscard]] bool waits_for_flow(std::uint8_t family, std::uint32_t slot) const noexcept;

  // Offers every held packet in order of arrival. `visit` returns true when it has taken the item out. Items that
  // have waited longer than `hold_ticks` are offered with `expired`, and must be taken.
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
  // Hash table with open addressing and twice as many entries as packets. It is filled anew after each visit, so no
  // single entry is ever removed.
  struct NeighbourCount {
    AwaitedNeighbour neighbour;
    std::uint32_t count = 0;
  };
  static constexpr std::size_t kFlowCounts = 4096;

  void count_again() noexcept;
  void count(const Waiting& waiting) noexcept;
  [[nodiscard]] NeighbourCount& count_of(const AwaitedNeighbour& neighbour) noexcept;

  std::vector<Waiting> waiting_;  // reserved once, never grows beyond
  std::vector<NeighbourCount> neighbours_;
  // Waiting packets by hash of their flow. 0 means that the flow has none; another count may be of other flows.
  std::array<std::uint16_t, kFlowCounts> flow_counts_{};
  std::array<std::uint16_t, DP_PORTS_MAX> port_counts_{};  // by ingress port
  std::uint32_t total_;
  std::uint32_t per_neighbour_;
};

}  // namespace twinpath
