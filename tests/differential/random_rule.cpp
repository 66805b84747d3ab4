#include "differential/random_rule.hpp"

#include <algorithm>

#include "differential/world.hpp"

namespace twinpath::test {
namespace {

dp_address mask_of(std::uint32_t bits) {
  dp_address mask{};
  for (std::uint32_t i = 0; i < 4; ++i) {
    const std::uint32_t here = std::min(32u, bits > 32 * i ? bits - 32 * i : 0);
    mask.word[i] = dp_htonl(here == 0 ? 0 : ~0u << (32 - here));
  }
  return mask;
}

// A prefix that some of the flows lie in, or everything.
void random_prefix(std::uint8_t family, dp_address& base, dp_address& mask, Random& random) {
  base = mask = dp_address{};
  if (family == DP_FAMILY_NONE || random.percent(50)) return;
  const Network& network = random.pick(kNetworks);
  const std::uint32_t host = random.between(1, kHosts);
  const bool v4 = family == DP_FAMILY_V4;
  base = v4 ? address_of(host4(network, host)) : address_of(host6(network, host));
  const std::uint32_t whole = v4 ? network.bits4 : network.bits6, single = v4 ? 32 : 128;
  mask = mask_of(random.percent(60) ? whole : single - random.below(4));
  for (std::uint32_t i = 0; i < 4; ++i) base.word[i] &= mask.word[i];
}

void random_ports(__u16& low, __u16& high, Random& random) {
  constexpr __u16 kEdges[] = {1, 22, 53, 79, 80, 81, 443, 1024, 40000, 65535};
  low = 0;
  high = 65535;
  if (random.percent(60)) return;
  const auto [from, to] = std::minmax(random.pick(kEdges), random.pick(kEdges));
  low = from;
  high = to;
}

}  // namespace

dp_rule random_rule(Random& random) {
  constexpr __u16 kProtocols[] = {6, 6, 17, 17, 1, 58, 47};
  constexpr std::uint8_t kFamilies[] = {DP_FAMILY_NONE, DP_FAMILY_V4, DP_FAMILY_V6};
  dp_rule rule{};
  rule.family = random.pick(kFamilies);
  rule.protocol = random.percent(40) ? __u16{DP_PROTOCOL_ANY} : random.pick(kProtocols);
  random_prefix(rule.family, rule.source, rule.source_mask, random);
  random_prefix(rule.family, rule.destination, rule.destination_mask, random);
  random_ports(rule.source_port_low, rule.source_port_high, random);
  random_ports(rule.destination_port_low, rule.destination_port_high, random);
  rule.icmp_type_high = 255;
  if ((rule.protocol == 1 || rule.protocol == 58) && random.percent(60))
    rule.icmp_type_low = rule.icmp_type_high = rule.protocol == 1 ? 8 : 128;
  rule.id = static_cast<__u16>(random.between(1, 200));
  rule.action = static_cast<__u8>(random.percent(70) ? std::uint32_t{DP_ACTION_ALLOW} : random.below(3));
  rule.place = random.percent(15) ? DP_PLACE_USER : DP_PLACE_AUTO;
  rule.flags = random.percent(20) ? DP_RULE_LOG : 0;
  return rule;
}

}  // namespace twinpath::test
