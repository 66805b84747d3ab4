// number_fields.hpp - sections of the document that are lists of numbers: each key stands here once, with the member it is
// in the Config and what it becomes in the tables. Reading, rendering and publishing go through these lists.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/model/settings.h"
#include "config/config.hpp"

namespace twinpath {

struct TimeoutField {
  std::string_view key;
  std::uint32_t TimeoutsConfig::*seconds;
  __u32 dp_timeouts::*ticks;
};
inline constexpr TimeoutField kTimeoutFields[] = {
    {"tcp_syn_s", &TimeoutsConfig::tcp_syn_s, &dp_timeouts::tcp_syn},
    {"tcp_established_s", &TimeoutsConfig::tcp_established_s, &dp_timeouts::tcp_established},
    {"tcp_closing_s", &TimeoutsConfig::tcp_closing_s, &dp_timeouts::tcp_closing},
    {"tcp_reset_s", &TimeoutsConfig::tcp_reset_s, &dp_timeouts::tcp_reset},
    {"udp_s", &TimeoutsConfig::udp_s, &dp_timeouts::udp},
    {"udp_stream_s", &TimeoutsConfig::udp_stream_s, &dp_timeouts::udp_stream},
    {"icmp_s", &TimeoutsConfig::icmp_s, &dp_timeouts::icmp},
    {"other_s", &TimeoutsConfig::other_s, &dp_timeouts::other},
};

struct BudgetField {
  std::string_view key;
  std::uint32_t BudgetConfig::*pps;
  dp_budget_kind kind;
};
// DP_BUDGET_LINK and DP_BUDGET_MADE have no key: they are as large as the host's, and as that of ICMP errors.
inline constexpr BudgetField kBudgetFields[] = {
    {"fragment", &BudgetConfig::fragment, DP_BUDGET_FRAGMENT},       {"ttl", &BudgetConfig::ttl, DP_BUDGET_TTL},
    {"icmp_error", &BudgetConfig::icmp_error, DP_BUDGET_ICMP_ERROR}, {"host", &BudgetConfig::host, DP_BUDGET_HOST},
    {"neighbour", &BudgetConfig::neighbour, DP_BUDGET_NEIGHBOUR},    {"held", &BudgetConfig::held, DP_BUDGET_HELD},
};

}  // namespace twinpath
