// compile.hpp - from a checked Config to the tables that both datapaths read.
//
// Default    the verdict when no rule matches: the `default` of the zone that the packet comes from, also inside one zone;
//            to the host, the `default` of the host zone; from the host, always allow.
// Expansion  a rule becomes sources × destinations × source ports × destination ports × ICMP types compiled rules for
//            each of its zone pairs; combinations of IPv4 with IPv6 are left out. Pairs with equal lists share one run.
// Order      of the operator, inside every pair.
// Host       rules towards the host are compiled with place auto: such packets go to Linux, never to the engine.
// Errors     the tables are full: the fault names the rule and the numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "common/model/rule.h"
#include "common/model/settings.h"
#include "config/config.hpp"
#include "config/fault.hpp"
#include "config/numbers.hpp"

namespace twinpath {

struct TableImage {
  std::vector<dp_zone_pair> zone_pairs;  // DP_ZONES_MAX * DP_ZONES_MAX; unused pairs drop
  std::vector<dp_rule> rules;            // at most DP_RULES_MAX
  NumberAllocation numbers;              // for the next compilation
  // Names by number; "" where no configured thing has the number.
  std::vector<std::string> zone_names;  // DP_ZONES_MAX, [DP_ZONE_HOST] is "host"
  std::vector<std::string> port_names;  // DP_PORTS_MAX
  std::vector<std::string> rule_names;  // DP_RULE_IDS_MAX
  // Numbers of rules that had no number, or another one, before: their counters have to start at zero.
  std::vector<std::uint32_t> fresh_rules;

  // Numbers of what is configured; 0 when the name is not.
  [[nodiscard]] std::uint8_t zone(std::string_view name) const;
  [[nodiscard]] std::uint16_t port(std::string_view name) const;
  [[nodiscard]] std::uint16_t device(std::string_view name) const;  // Linux's
  [[nodiscard]] std::uint32_t rule(std::string_view name) const;
};

[[nodiscard]] constexpr std::uint32_t zone_pair_index(std::uint8_t from, std::uint8_t to) {
  return from * static_cast<std::uint32_t>(DP_ZONES_MAX) + to;
}

// `previous` is the allocation of the image in force, or an empty one. Fails with nothing changed.
[[nodiscard]] tl::expected<TableImage, Fault> compile(const Config& config, const NumberAllocation& previous);

// Writes the image into one bank's tables, which nobody reads meanwhile: all zone pairs, and as many rules as there are.
void write_image(const TableImage& image, std::span<dp_zone_pair> zone_pairs, std::span<dp_rule> rules);

// Seconds of the document in ticks of the kernel.
[[nodiscard]] dp_timeouts ticks_of(const TimeoutsConfig& timeouts, std::uint32_t ticks_per_second);

}  // namespace twinpath
