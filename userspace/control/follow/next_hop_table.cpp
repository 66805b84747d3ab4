#include "control/follow/next_hop_table.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/bpf_map.hpp"

namespace twinpath {
namespace {

dp_neighbour_key map_key(const NextHopTable::Key& key) {
  dp_neighbour_key out{};
  out.address = key.address.address;
  out.port = key.port;
  out.mtu = key.mtu;
  out.family = key.address.family;
  return out;
}

void store_flags(dp_next_hop& hop, std::uint16_t flags) { DP_STORE_RELEASE(&hop.flags, flags); }

// The whole destination goes in one word: common/model/next_hop.h says why.
void store_macs(dp_next_hop& hop, const netlink::Mac& destination, const netlink::Mac& source) {
  std::array<std::uint8_t, sizeof(dp_macs_front) + sizeof(dp_macs_back)> bytes;
  const auto rest = std::ranges::copy(destination, bytes.begin()).out;
  std::ranges::copy(source, rest);
  dp_macs_front front = 0;
  dp_macs_back back = 0;
  std::memcpy(&front, bytes.data(), sizeof(front));
  std::memcpy(&back, bytes.data() + sizeof(front), sizeof(back));
  DP_STORE_RELEASE(reinterpret_cast<dp_macs_front*>(hop.destination_mac), front);
  DP_STORE_RELEASE(reinterpret_cast<dp_macs_back*>(hop.destination_mac + sizeof(front)), back);
}

netlink::Mac destination_of(const dp_next_hop& hop) {
  netlink::Mac mac;
  std::ranges::copy(hop.destination_mac, mac.begin());
  return mac;
}

}  // namespace

NextHopTable::NextHopTable(std::span<dp_next_hop> hops, int map) : hops_(hops), map_(map) {
  read_back();
  sort_rest();
}

void NextHopTable::read_back() {
  dp_neighbour_key key{};
  const dp_neighbour_key* previous = nullptr;
  while (bpf_map_get_next_key(map_, previous, &key) == 0) {
    std::uint32_t index = 0;
    if (bpf_map_lookup_elem(map_, &key, &index) == 0 && index > 0 && index < hops_.size()) {
      const Key ours{key.port, {key.family, key.address}, key.mtu};
      indices_[ours] = static_cast<std::uint16_t>(index);
      keys_[static_cast<std::uint16_t>(index)] = ours;
    }
    previous = &key;
  }
}

void NextHopTable::sort_rest() {
  for (std::size_t i = hops_.size(); i-- > 1;) {
    const auto index = static_cast<std::uint16_t>(i);
    if (keys_.contains(index)) continue;
    (hops_[index].port == 0 ? free_ : retired_).push_back(index);
  }
}

Result<std::uint16_t> NextHopTable::obtain(const Key& key, For what) {
  if (const auto found = indices_.find(key); found != indices_.end()) {
    unwanted_.erase(found->second);
    return found->second;
  }
  if (free_.size() <= (what == For::host ? reserved() : 0)) {
    if (what == For::host) ++refused_;
    return refuse("all {} next hops are taken", hops_.size() - 1);
  }
  const std::uint16_t index = free_.back();
  free_.pop_back();
  indices_[key] = index;
  keys_[index] = key;
  write(index, nullptr, false);
  const std::uint32_t value = index;
  if (auto set = map_update(map_, map_key(key), value, "neighbours"); !set) {
    (void)forget(index);
    return pass_on(std::move(set.error()));
  }
  return index;
}

Status NextHopTable::forget(std::uint16_t index) {
  const Key key = keys_.at(index);
  if (auto removed = map_remove(map_, map_key(key), "neighbours"); !removed) return removed;
  indices_.erase(key);
  keys_.erase(index);
  unwanted_.erase(index);
  retired_.push_back(index);
  return {};
}

std::uint16_t NextHopTable::find(const Key& key) const {
  const auto found = indices_.find(key);
  return found == indices_.end() ? 0 : found->second;
}

const NextHopTable::Key* NextHopTable::key_of(std::uint16_t index) const {
  const auto found = keys_.find(index);
  return found == keys_.end() ? nullptr : &found->second;
}

void NextHopTable::set_port(std::uint16_t port, const EgressFacts& facts) {
  if (const auto known = egress_.find(port); known != egress_.end() && known->second == facts) return;
  egress_[port] = facts;
  for (const auto& [key, index] : indices_) {
    if (key.port != port) continue;
    const netlink::Mac mac = destination_of(hops_[index]);
    const std::uint16_t flags = hops_[index].flags;
    write(index, (flags & DP_NEXT_HOP_RESOLVED) != 0 ? &mac : nullptr, (flags & DP_NEXT_HOP_FAILED) != 0);
  }
}

void NextHopTable::set_neighbour(std::uint16_t index, const netlink::Neighbour* neighbour) {
  const bool resolved = neighbour != nullptr && neighbour->has_mac && neighbour->usable();
  const bool failed = neighbour != nullptr && neighbour->state == netlink::NeighbourState::failed;
  write(index, resolved ? &neighbour->mac : nullptr, failed);
}

void NextHopTable::forget_failure(std::uint16_t index) {
  store_flags(hops_[index], static_cast<std::uint16_t>(hops_[index].flags & ~DP_NEXT_HOP_FAILED));
}

std::vector<std::string> NextHopTable::problems() const {
  if (refused_ + refused_before_ == 0) return {};
  const auto unresolved = std::ranges::count_if(
      keys_, [&](const auto& entry) { return (hops_[entry.first].flags & DP_NEXT_HOP_RESOLVED) == 0; });
  return {
      fmt::format("next hops: {} of {} are taken ({} not resolved) and the others are kept for gateways of routes, so "
                  "hosts on links wait: find who looks for so many, or route large prefixes through a gateway",
                  keys_.size(), hops_.size() - 1, unresolved)};
}

std::vector<NextHopTable::Key> NextHopTable::retire_unwanted(const std::set<std::uint16_t>& gateways) {
  std::vector<Key> retired;
  std::set<std::uint16_t> unwanted;
  for (const auto& [index, key] : keys_) {
    if ((hops_[index].flags & DP_NEXT_HOP_RESOLVED) == 0 && !gateways.contains(index)) unwanted.insert(index);
  }
  for (const std::uint16_t index : unwanted) {
    if (!unwanted_.contains(index)) continue;
    const Key key = keys_.at(index);
    if (forget(index)) retired.push_back(key);
  }
  unwanted_ = std::move(unwanted);
  return retired;
}

void NextHopTable::release_retired() {
  for (const std::uint16_t index : retired_) hops_[index] = dp_next_hop{};
  free_.insert(free_.end(), retired_.begin(), retired_.end());
  retired_.clear();
}

// `mac` null: not resolved, and the address that was there stays, for readers that have just seen it resolved.
void NextHopTable::write(std::uint16_t index, const netlink::Mac* mac, bool failed) {
  dp_next_hop& hop = hops_[index];
  const EgressFacts& facts = egress_[keys_[index].port];
  std::uint16_t flags = 0;
  if (mac != nullptr) flags |= DP_NEXT_HOP_RESOLVED;
  if (failed) flags |= DP_NEXT_HOP_FAILED;
  if (facts.up) flags |= DP_NEXT_HOP_UP;
  if (!facts.takes_redirects) flags |= DP_NEXT_HOP_SOCKET;
  store_macs(hop, mac != nullptr ? *mac : destination_of(hop), facts.mac);
  hop.port = keys_[index].port;
  hop.device = facts.device;
  const std::uint16_t mtu = keys_[index].mtu;
  hop.mtu = mtu != 0 ? std::min(mtu, facts.mtu) : facts.mtu;
  hop.vlan = facts.vlan;
  store_flags(hop, flags);
}

}  // namespace twinpath
