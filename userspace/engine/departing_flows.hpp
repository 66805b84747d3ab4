// departing_flows.hpp - flows whose packet waits in a TX ring, in the order in which the packets were queued.
//
// Shape    a queue for each device and queue that packets wait in. Frames of one TX ring complete in order, so what a look
//          costs is what leaves, and one flow more for each ring.
// Bounds   `capacity` in all; memory is taken at construction. What finds no room is refused.
// Thread   the engine's.
#pragma once

#include <cstdint>
#include <vector>

#include "common/model/limits.h"

namespace twinpath {

struct DepartingFlow {
  std::uint64_t until;  // frames that its TX ring has to complete
  std::uint32_t since;  // tick
  std::uint32_t slot;
  std::uint32_t control;
  std::uint16_t device;
  std::uint16_t queue;
  std::uint8_t family;
};

class DepartingFlows {
 public:
  explicit DepartingFlows(std::uint32_t capacity) : nodes_(capacity) {
    rings_.reserve(DP_SOCKETS_MAX);
    for (std::uint32_t i = 0; i < capacity; ++i) nodes_[i].next = i + 1;
    end_ = capacity;
  }

  [[nodiscard]] bool empty() const noexcept { return rings_.empty(); }
  // False: no room.
  bool push(const DepartingFlow& flow) noexcept {
    if (free_ == end_) return false;
    Ring* ring = ring_of(flow);
    if (ring == nullptr) return false;
    const std::uint32_t index = free_;
    free_ = nodes_[index].next;
    nodes_[index] = {flow, end_};
    if (ring->first == end_)
      ring->first = index;
    else
      nodes_[ring->last].next = index;
    ring->last = index;
    return true;
  }
  // Asks leaves(flow) for the first flow of each ring, and while it says yes, for the next one.
  template <class Leaves>
  void visit(Leaves&& leaves) noexcept {
    for (std::size_t i = 0; i < rings_.size();) {
      Ring& ring = rings_[i];
      while (ring.first != end_ && leaves(nodes_[ring.first].flow)) pop(ring);
      if (ring.first != end_) {
        ++i;
        continue;
      }
      ring = rings_.back();
      rings_.pop_back();
    }
  }

 private:
  struct Node {
    DepartingFlow flow{};
    std::uint32_t next = 0;
  };
  struct Ring {
    std::uint16_t device;
    std::uint16_t queue;
    std::uint32_t first;
    std::uint32_t last;
  };

  // A few are in use at a time.
  Ring* ring_of(const DepartingFlow& flow) noexcept {
    for (Ring& ring : rings_)
      if (ring.device == flow.device && ring.queue == flow.queue) return &ring;
    if (rings_.size() == rings_.capacity()) return nullptr;
    rings_.push_back({flow.device, flow.queue, end_, end_});
    return &rings_.back();
  }
  void pop(Ring& ring) noexcept {
    const std::uint32_t index = ring.first;
    ring.first = nodes_[index].next;
    nodes_[index].next = free_;
    free_ = index;
  }

  std::vector<Node> nodes_;  // in one list each: those of a ring, and the free ones
  std::uint32_t free_ = 0;
  std::uint32_t end_ = 0;
  std::vector<Ring> rings_;  // that are not empty
};

}  // namespace twinpath
