// next_hop_table.hpp - assigns a next-hop index to each neighbour, and writes the entries that the datapaths read.
//
// Reuse    Flow entries and packets in flight hold indices, and flow entries outlive the daemon. So an index is reused
//          in four steps, and no packet for the old neighbour is sent to the new one:
//   1. retire_unwanted() removes neighbours from the map: no lookup finds their indices any more.
//   2. The caller raises the route epoch. A flow entry that holds a retired index has an older stamp, so its next
//      packet looks up the route again before the index is used; so has an entry that a slow-path program installs
//      meanwhile.
//   3. The caller waits until no program and no engine uses what it read before (Publisher::wait_for_readers).
//   4. release_retired() makes the indices free.
// Crash    A free entry of the array has port 0. An entry with a port that is not in the map was retired by a daemon
//          that died between steps 1 and 4: the next daemon counts it as retired and does steps 2 to 4.
// Wanted   are neighbours that Linux has resolved, gateways of routes, and those that obtain() was called for recently.
//          Others are retired only when most indices are taken; a flow that still needs one requests it again.
// Share    an eighth of the indices is for gateways of routes alone: hosts on links, which anybody can make the gateway look for,
//          never take the last ones. problems() says so when hosts are refused.
// Thread   the control thread's. The datapaths read `next_hops` and `neighbours` meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "common/model/limits.h"
#include "common/model/next_hop.h"
#include "netlink/state.hpp"

namespace twinpath {

// The properties of a port that its next hops copy.
struct EgressFacts {
  std::uint16_t device = 0;
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
    std::uint16_t mtu = 0;  // of the routes that lead to it; 0: the port's
    auto operator<=>(const Key&) const = default;
  };

  // `map` is the fd of `neighbours`. Reads back what is in it.
  NextHopTable(std::span<dp_next_hop> hops, int map);

  enum class For : std::uint8_t { host, route };
  // The index of a neighbour; assigns one if it has none, and marks it as wanted. Refused when all indices are taken.
  [[nodiscard]] Result<std::uint16_t> obtain(const Key& key, For what = For::host);
  // Lines about hosts that were refused since the call before the last one of end_period().
  [[nodiscard]] std::vector<std::string> problems() const;
  void end_period() { refused_before_ = std::exchange(refused_, 0); }
  [[nodiscard]] std::uint16_t find(const Key& key) const;
  [[nodiscard]] const Key* key_of(std::uint16_t index) const;
  [[nodiscard]] bool has(std::uint16_t port, const netlink::IpAddress& address) const {
    bool found = false;
    for_each_of(port, address, [&](const Key&, std::uint16_t) { found = true; });
    return found;
  }
  // The indices of a neighbour, one for each MTU; visit(key, index).
  template <class Visit>
  void for_each_of(std::uint16_t port, const netlink::IpAddress& address, Visit&& visit) const {
    for (auto one = indices_.lower_bound({port, address, 0}); one != indices_.end(); ++one) {
      if (one->first.port != port || !(one->first.address == address)) return;
      visit(one->first, one->second);
    }
  }

  void set_port(std::uint16_t port, const EgressFacts& facts);
  // `neighbour` null: Linux has no entry for it.
  void set_neighbour(std::uint16_t index, const netlink::Neighbour* neighbour);
  // Clears DP_NEXT_HOP_FAILED, when Linux has been asked to resolve the neighbour again.
  void forget_failure(std::uint16_t index);

  // More than three quarters of the indices are taken.
  [[nodiscard]] bool crowded() const { return free_.size() < (hops_.size() - 1) / 4; }
  // Retires neighbours that are not resolved, not in `gateways`, and that obtain() was not called for since the call
  // before the last one. Returns them.
  std::vector<Key> retire_unwanted(const std::set<std::uint16_t>& gateways);
  // Retires one neighbour; step 1.
  [[nodiscard]] Status retire(std::uint16_t index) { return forget(index); }
  [[nodiscard]] bool resolved(std::uint16_t index) const { return (hops_[index].flags & DP_NEXT_HOP_RESOLVED) != 0; }
  [[nodiscard]] bool has_retired() const { return !retired_.empty(); }
  // Step 4. Precondition: steps 2 and 3 are done for all retired indices.
  void release_retired();
  [[nodiscard]] const std::map<Key, std::uint16_t>& all() const { return indices_; }

 private:
  void read_back();
  [[nodiscard]] std::size_t reserved() const { return (hops_.size() - 1) / 8; }
  void sort_rest();
  void write(std::uint16_t index, const netlink::Mac* mac, bool failed);
  [[nodiscard]] Status forget(std::uint16_t index);

  std::span<dp_next_hop> hops_;
  int map_;
  std::map<Key, std::uint16_t> indices_;
  std::map<std::uint16_t, Key> keys_;
  std::map<std::uint16_t, EgressFacts> egress_;
  std::vector<std::uint16_t> free_;               // a stack: the last one is assigned next
  std::vector<std::uint16_t> retired_;            // no neighbour has them, and they are not free yet
  std::size_t refused_ = 0, refused_before_ = 0;  // hosts, in this period of upkeep and in the one before
  std::set<std::uint16_t> unwanted_;              // as of the last retire_unwanted(), without those obtained since
};

}  // namespace twinpath
