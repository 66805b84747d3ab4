#include "config/expansion.hpp"

#include <algorithm>
#include <limits>

#include "common/wire/ipv4.h"

namespace twinpath {
namespace {

constexpr Range kAllPorts{0, 65535};
constexpr Range kAllTypes{0, 255};

std::vector<Range> or_all(const std::vector<Range>& ranges, Range all) {
  return ranges.empty() ? std::vector<Range>{all} : ranges;
}

// "Everything" is a prefix of no family, of no length.
std::vector<Prefix> or_all(const std::vector<Prefix>& prefixes) {
  return prefixes.empty() ? std::vector<Prefix>{Prefix{}} : prefixes;
}

std::uint8_t family_of(std::uint16_t protocol) {
  return protocol == DP_PROTOCOL_ICMP ? DP_FAMILY_V4 : protocol == DP_PROTOCOL_ICMPV6 ? DP_FAMILY_V6 : DP_FAMILY_NONE;
}

// True when both families can be one; `family` then is that one.
bool join(std::uint8_t other, std::uint8_t& family) {
  if (other == DP_FAMILY_NONE || other == family) return true;
  if (family != DP_FAMILY_NONE) return false;
  family = other;
  return true;
}

struct Ends {
  Prefix source;
  Prefix destination;
  std::uint8_t family;
};

std::vector<Ends> ends_of(const RuleConfig& rule) {
  std::vector<Ends> list;
  for (const Prefix& source : or_all(rule.source)) {
    for (const Prefix& destination : or_all(rule.destination)) {
      std::uint8_t family = family_of(rule.protocol);
      if (join(source.base.family, family) && join(destination.base.family, family))
        list.push_back({source, destination, family});
    }
  }
  return list;
}

std::size_t product(std::size_t a, std::size_t b) {
  return b != 0 && a > std::numeric_limits<std::size_t>::max() / b ? std::numeric_limits<std::size_t>::max() : a * b;
}

std::size_t of_family(const std::vector<Prefix>& prefixes, std::uint8_t family) {
  if (prefixes.empty()) return 1;
  const auto is = [family](const Prefix& prefix) { return prefix.base.family == family; };
  return static_cast<std::size_t>(std::ranges::count_if(prefixes, is));
}

// Pairs of ends, without making them: their number is what has to be bounded.
std::size_t ends_count(const RuleConfig& rule) {
  if (rule.source.empty() && rule.destination.empty()) return 1;
  const std::uint8_t wanted = family_of(rule.protocol);
  std::size_t count = 0;
  for (std::uint8_t family : {std::uint8_t{DP_FAMILY_V4}, std::uint8_t{DP_FAMILY_V6}})
    if (wanted == DP_FAMILY_NONE || wanted == family)
      count += product(of_family(rule.source, family), of_family(rule.destination, family));
  return count;
}

dp_rule common_part(const RuleConfig& rule, std::uint32_t id) {
  dp_rule compiled{};
  compiled.protocol = rule.protocol;
  compiled.id = static_cast<decltype(compiled.id)>(id);  // DP_RULE_IDS_MAX of them fit
  compiled.action = static_cast<std::uint8_t>(rule.action);
  compiled.place = static_cast<std::uint8_t>(rule.place);
  compiled.flags = rule.log ? DP_RULE_LOG : 0;
  return compiled;
}

void set_ends(dp_rule& compiled, const Ends& ends) {
  compiled.source = ends.source.base.address;
  compiled.source_mask = ends.source.mask();
  compiled.destination = ends.destination.base.address;
  compiled.destination_mask = ends.destination.mask();
  compiled.family = ends.family;
}

}  // namespace

std::size_t expansion_size(const RuleConfig& rule) {
  std::size_t size = ends_count(rule);
  size = product(size, std::max<std::size_t>(rule.source_ports.size(), 1));
  size = product(size, std::max<std::size_t>(rule.destination_ports.size(), 1));
  return product(size, std::max<std::size_t>(rule.icmp_types.size(), 1));
}

void expand(const RuleConfig& rule, std::uint32_t id, std::vector<dp_rule>& run) {
  dp_rule compiled = common_part(rule, id);
  for (const Ends& ends : ends_of(rule)) {
    set_ends(compiled, ends);
    for (const Range& source : or_all(rule.source_ports, kAllPorts)) {
      compiled.source_port_low = source.low;
      compiled.source_port_high = source.high;
      for (const Range& destination : or_all(rule.destination_ports, kAllPorts)) {
        compiled.destination_port_low = destination.low;
        compiled.destination_port_high = destination.high;
        for (const Range& type : or_all(rule.icmp_types, kAllTypes)) {
          compiled.icmp_type_low = static_cast<std::uint8_t>(type.low);
          compiled.icmp_type_high = static_cast<std::uint8_t>(type.high);
          run.push_back(compiled);
        }
      }
    }
  }
}

}  // namespace twinpath
