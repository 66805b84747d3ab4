// next_hop_book.hpp - which neighbour has which next-hop index, and what the datapaths know about it.
//
// Flow entries hold indices for as long as they live, and outlive the daemon. So an index belongs to its neighbour
// (address on a port) for good; a restarted daemon reads the book back from the map of neighbours. When all are given
// away, no new neighbour is served, and say() tells.
// Thread   the control thread's. The datapaths read `next_hops` and `neighbours` meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <span>

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

class NextHopBook {
 public:
  struct Key {
    std::uint16_t port = 0;
    netlink::IpAddress address;
    auto operator<=>(const Key&) const = default;
  };

  // `map` is the fd of `neighbours`. Reads back what is in it.
  NextHopBook(std::span<dp_next_hop> hops, int map);

  // The index of a neighbour, given now if it has none. 0: the table is full.
  [[nodiscard]] Result<std::uint16_t> obtain(const Key& key);
  [[nodiscard]] std::uint16_t find(const Key& key) const;
  [[nodiscard]] const Key* key_of(std::uint16_t index) const;

  void set_port(std::uint16_t port, const EgressFacts& facts);
  // `neighbour` null: Linux knows nothing of it any more.
  void set_neighbour(std::uint16_t index, const netlink::Neighbour* neighbour);
  [[nodiscard]] const std::map<Key, std::uint16_t>& all() const { return indices_; }

 private:
  void write(std::uint16_t index, const netlink::Mac& mac, bool resolved, bool failed);

  std::span<dp_next_hop> hops_;
  int map_;
  std::map<Key, std::uint16_t> indices_;
  std::map<std::uint16_t, Key> keys_;
  std::map<std::uint16_t, EgressFacts> egress_;
  std::uint16_t next_ = 1;
};

}  // namespace twinpath
