#include "control/follow/source_address.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <vector>

#include "common/decide/martian.h"

namespace twinpath {
namespace {

using netlink::Address;
using netlink::IpAddress;
using netlink::Mirror;

// Those of one family that the host may send from, in Linux's order; of one device, or of all (0).
std::vector<const Address*> addresses_of(const Mirror& mirror, std::uint8_t family, std::uint32_t device) {
  std::vector<const Address*> found;
  for (const auto& [key, address] : mirror.addresses())
    if (address.address.family == family && address.usable() && (device == 0 || address.ifindex == device))
      found.push_back(&address);
  std::ranges::sort(found, [](const Address* a, const Address* b) {
    return std::tuple(a->ifindex, a->order) < std::tuple(b->ifindex, b->order);
  });
  return found;
}

bool is_primary(const Address& address) {
  return (address.flags & IFA_F_SECONDARY) == 0 && address.scope < RT_SCOPE_HOST;
}

std::uint32_t bits_in_common(const dp_address& a, const dp_address& b) {
  for (std::uint32_t word = 0; word < 4; ++word)
    if (a.word[word] != b.word[word])
      return 32 * word + static_cast<std::uint32_t>(std::countl_zero(ntohl(a.word[word] ^ b.word[word])));
  return 128;
}

}  // namespace

std::optional<dp_address> select_source4(const Mirror& mirror, std::uint32_t device, const IpAddress& gateway) {
  const Address* first = nullptr;
  for (const Address* address : addresses_of(mirror, DP_FAMILY_V4, device)) {
    if (!is_primary(*address)) continue;
    if (first == nullptr) first = address;
    if (gateway.family == DP_FAMILY_V4 &&
        bits_in_common(address->peer.address, gateway.address) >= address->prefix_bits)
      return address->address.address;
  }
  if (first != nullptr) return first->address.address;
  const auto link = mirror.links().find(device);
  if (link != mirror.links().end() && link->second.master_ifindex != 0)
    for (const Address* address : addresses_of(mirror, DP_FAMILY_V4, link->second.master_ifindex))
      if (is_primary(*address) && address->scope != RT_SCOPE_LINK) return address->address.address;
  for (const Address* address : addresses_of(mirror, DP_FAMILY_V4, 0))
    if (is_primary(*address) && address->scope != RT_SCOPE_LINK) return address->address.address;
  return {};
}

std::optional<dp_address> select_source6(const Mirror& mirror, std::uint32_t device, const dp_address& destination) {
  const auto rank = [&](const Address& address) {
    return std::tuple(
        !dp_address_link_local(DP_FAMILY_V6, &address.address.address), (address.flags & IFA_F_DEPRECATED) == 0,
        address.ifindex == device,
        std::min<std::uint32_t>(bits_in_common(address.address.address, destination), address.prefix_bits));
  };
  const Address* best = nullptr;
  for (const Address* address : addresses_of(mirror, DP_FAMILY_V6, 0)) {
    const dp_address& own = address->address.address;
    if (dp_address_link_local(DP_FAMILY_V6, &own) && address->ifindex != device) continue;
    if (dp_martian_source(DP_FAMILY_V6, &own)) continue;
    if (best == nullptr || rank(*address) > rank(*best)) best = address;
  }
  if (best == nullptr) return {};
  return best->address.address;
}

}  // namespace twinpath
