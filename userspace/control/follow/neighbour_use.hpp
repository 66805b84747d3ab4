// neighbour_use.hpp - when each next hop was last in use, and which neighbours Linux has been asked for and has not found.
//
// In use   A next hop is in use for kKept after a flow or a route named it, a packet asked for it, or Linux learnt it.
// Bound    So many neighbours of a port may be unanswered at a time: kAskedAtOnce. Linux has one table for all namespaces
//          of the host, of 1,024 neighbours unless gc_thresh3 says otherwise, and refuses everybody when it is full.
// Thread   the control thread's.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "common/model/limits.h"

namespace twinpath {

class NeighbourUse {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kKept{60};
  static constexpr std::chrono::seconds kUnanswered{15};  // Linux gives up after 3 s
  static constexpr std::size_t kAskedAtOnce = 256;

  void used(std::uint16_t index, Clock::time_point now = Clock::now()) { last_[index] = now; }
  [[nodiscard]] bool in_use(std::uint16_t index, Clock::time_point now = Clock::now()) const {
    return !idle_for(index, kKept, now);
  }
  // One that used() was never called for counts as used when this object was made: by an earlier daemon.
  [[nodiscard]] bool idle_for(std::uint16_t index, std::chrono::seconds time,
                              Clock::time_point now = Clock::now()) const {
    const auto last = last_[index];
    return last != Clock::time_point{} ? now - last > time : now - started_ > time;
  }

  [[nodiscard]] bool crowded(std::uint16_t port) const { return waiting(port).size() >= kAskedAtOnce; }
  // Whether a neighbour may be asked for; `index`: its next hop, 0 when it has none yet.
  [[nodiscard]] bool may_ask(std::uint16_t port, std::uint16_t index) const {
    return !crowded(port) || waiting(port).contains(index);
  }
  void asked(std::uint16_t port, std::uint16_t index) { waiting_[port].insert(index); }
  // Found, or given up.
  void answered(std::uint16_t port, std::uint16_t index) { waiting_[port].erase(index); }
  [[nodiscard]] const std::set<std::uint16_t>& waiting(std::uint16_t port) const {
    static const std::set<std::uint16_t> kNone;
    const auto found = waiting_.find(port);
    return found == waiting_.end() ? kNone : found->second;
  }

 private:
  Clock::time_point started_ = Clock::now();
  std::vector<Clock::time_point> last_ = std::vector<Clock::time_point>(DP_NEXT_HOPS_MAX);  // by next hop
  std::map<std::uint16_t, std::set<std::uint16_t>> waiting_;                                // by port
};

}  // namespace twinpath
