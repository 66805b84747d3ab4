// next_hop_table.hpp - which neighbour has which next-hop index, and what the datapaths know about it.
//
// Flow entries hold indices, and outlive the daemon; packets on their way hold them too. So an index comes back in steps,
// and whoever gets it next never receives a packet that was meant for the one before:
//   1. retire_unwanted() takes neighbours out of the map: nothing new finds their indices.
//   2. The caller raises the route epoch. An entry that still holds such an index has an older stamp, and the next packet
//      looks its route up before the index is used; what a slower program installs meanwhile has the older stamp too.
//   3. The caller waits until no program and no engine works on what it read before (Publisher::wait_for_readers).
//   4. release_retired() makes the indices free.
// Crash    a free entry of the array names no port. What names one and is not in the map was retired by a daemon that has
//          died between 1 and 4: the next one counts it as retired, and does 2 to 4. An index is never free before.
// Wanted   neighbours that Linux resolves, gateways of routes, and what was asked for lately. Only when most indices are
//          taken are others retired; a flow that still needs one asks for it again.
// Thread   the control thread's. The datapaths read `next_hops` and `neighbours` meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "common/model/limits.h"
#include "common/model/next_hop.h"
#include "netlink/state.hpp"

namespace twinpath {

// What of a port matters for the frames that leave by it.
struct EgressFacts {
  netlink::Mac mac{};
  std::uint16_t mtu = 0;
  std::uint16_t vlan = 0;
  bool up = false;
  bool takes_redirects = true;

  bool operator==(const EgressFacts&) const = default;
};

class NextHopTable {
 public:
  struct Key {
    std::uint16_t port = 0;
    netlink::IpAddress address;
    auto operator<=>(const Key&) const = default;
  };

  // `map` is the fd of `neighbours`. Reads back what is in it.
  NextHopTable(std::span<dp_next_hop> hops, int map);

  // The index of a neighbour, given now if it has none; it is wanted for a while. Refused when all are taken.
  [[nodiscard]] Result<std::uint16_t> obtain(const Key& key);
  [[nodiscard]] std::uint16_t find(const Key& key) const;
  [[nodiscard]] const Key* key_of(std::uint16_t index) const;

  void set_port(std::uint16_t port, const EgressFacts& facts);
  // `neighbour` null: Linux knows nothing of it any more.
  void set_neighbour(std::uint16_t index, const netlink::Neighbour* neighbour);
  // Linux was asked to resolve it anew: a failure of before says nothing any more.
  void forget_failure(std::uint16_t index);

  // More than three quarters are taken.
  [[nodiscard]] bool crowded() const { return free_.size() < (hops_.size() - 1) / 4; }
  // Retires neighbours that are neither resolved nor in `gateways` nor asked for since the last call but one.
  std::vector<Key> retire_unwanted(const std::set<std::uint16_t>& gateways);
  [[nodiscard]] bool has_retired() const { return !retired_.empty(); }
  // Steps 2 and 3 are done for everything that was retired.
  void release_retired();
  [[nodiscard]] const std::map<Key, std::uint16_t>& all() const { return indices_; }

 private:
  void read_back();
  void sort_rest();
  void write(std::uint16_t index, const netlink::Mac& mac, bool resolved, bool failed);
  [[nodiscard]] Status forget(std::uint16_t index);

  std::span<dp_next_hop> hops_;
  int map_;
  std::map<Key, std::uint16_t> indices_;
  std::map<std::uint16_t, Key> keys_;
  std::map<std::uint16_t, EgressFacts> egress_;
  std::vector<std::uint16_t> free_;     // the next one to give last
  std::vector<std::uint16_t> retired_;  // taken by nobody, and not free yet
  std::set<std::uint16_t> unwanted_;    // at the last retire_unwanted(), and not asked for since
};

}  // namespace twinpath
