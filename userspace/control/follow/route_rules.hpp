// route_rules.hpp - what Linux's rules of policy routing are to the datapaths.
//
// Source   ip-rule(8); net/core/fib_rules.c (fib_rule_match): what a packet that arrives at a port is compared with. Such a
//          packet has no mark, no socket and no tunnel, so a rule that asks for one of these never selects it.
// Thread   pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/follow/route_plan.hpp"
#include "netlink/mirror.hpp"

namespace twinpath {

// A rule whose tree is named by its table: the root changes with the table's routes.
struct RouteRuleDraft {
  dp_route_rule rule{};
  std::uint32_t table = 0;  // of DP_ROUTE_ASK_TREE
};

struct RouteRuleDrafts {
  std::vector<RouteRuleDraft> rules;
  bool default_rules = true;  // nothing but what Linux has from the start
  std::vector<std::string> problems;
};

// The rules of one family, in Linux's order.
[[nodiscard]] RouteRuleDrafts draft_rules(std::uint8_t family, const netlink::Mirror& mirror,
                                          const RouteContext& context);

}  // namespace twinpath
