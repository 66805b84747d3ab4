#include "engine/fragment_stage.hpp"

#include <array>

#include "engine/egress_queue.hpp"
#include "engine/env.hpp"
#include "engine/fragmenter.hpp"
// behind the lookups they call
#include "common/decide/decide.h"

namespace twinpath {

void FragmentStage::run(std::span<Item> burst, std::uint32_t) noexcept {
  for (Item& item : burst) {
    if (item.fate == Fate::send && item.reason == DP_STEER_TOO_BIG) fragment(item);
  }
}

void FragmentStage::fragment(Item& item) noexcept {
  constexpr std::size_t kFragmentsMax = 64;
  std::array<afxdp::Frame, kFragmentsMax> fragments;
  const dp_next_hop* hop = dp_env_next_hop(&env_, item.context.next_hop);
  if (hop == nullptr) return item.drop(DP_INTERNAL);
  const std::uint32_t l3_offset = DP_ETHERNET_BYTES + (item.egress_tag != 0 ? DP_VLAN_BYTES : 0);
  Ipv4Fragmenter fragmenter({item.frame.data, item.frame.length}, l3_offset, hop->mtu);
  if (!fragmenter.possible()) return item.drop(DP_TOO_BIG);
  std::size_t count = 0;
  bool whole = true;
  while (whole && !fragmenter.done()) {
    whole = count < kFragmentsMax && (fragments[count] = io_.allocate());
    if (!whole) break;
    afxdp::Frame& next = fragments[count++];
    // No fragment is longer than the packet itself, whose frame is as large as this one.
    next.length = fragmenter.next({next.data, item.frame.length});
    whole = next.length != 0;
  }
  if (whole && send(std::span{fragments}.first(count), item)) {
    item.fate = Fate::fragmented;
    return;
  }
  if (!whole) {
    for (std::size_t i = 0; i < count; ++i) io_.release(fragments[i].index);
  }
  item.drop(DP_TX_FULL);
}

bool FragmentStage::send(std::span<const afxdp::Frame> fragments, const Item& item) noexcept {
  const std::uint16_t queue = egress_queue(env_, item.egress_device, item.frame.queue);
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    if (!io_.transmit(fragments[i], item.egress_device, queue)) {
      for (const afxdp::Frame& left : fragments.subspan(i)) io_.release(left.index);
      return false;
    }
    counters_.made.add(fragments[i].length);
    counters_.transmitted[item.egress].add(fragments[i].length);
  }
  return true;
}

}  // namespace twinpath
