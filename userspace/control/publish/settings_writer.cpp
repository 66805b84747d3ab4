#include "control/publish/settings_writer.hpp"

#include <algorithm>
#include <atomic>
#include <random>

#include "config/compile.hpp"
#include "config/number_fields.hpp"
#include "kernel/tables.hpp"

namespace twinpath {
namespace {

constexpr std::uint32_t kHeartbeatLimit_s = 3;

template <class T, class V>
void store(T& field, V value, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref<T>(field).store(static_cast<T>(value), order);
}

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

void store_timeouts(dp_timeouts& to, const dp_timeouts& from) {
  for (const TimeoutField& field : kTimeoutFields) store(to.*field.ticks, from.*field.ticks);
}

// Half of a budget is shared out evenly, the other half is for whichever port comes first.
void store_budget(dp_settings& settings, dp_budget_kind kind, std::uint32_t pps, std::size_t ports) {
  const auto count = static_cast<std::uint32_t>(ports);
  const std::uint32_t share = pps / 2 / count;
  store(settings.budget_share[kind], share);
  store(settings.budget[kind], pps - share * count);
}

void store_budgets(dp_settings& settings, const BudgetConfig& budget, std::size_t ports) {
  for (const BudgetField& field : kBudgetFields) store_budget(settings, field.kind, budget.*field.pps, ports);
  store_budget(settings, DP_BUDGET_LINK, budget.host, ports);
  store_budget(settings, DP_BUDGET_MADE, budget.icmp_error, ports);
}

void store_shape(dp_table_shape& shape, std::uint32_t max_pairs) {
  store(shape.set_count, sets_for(max_pairs));
  store(shape.max_pairs, max_pairs);
}

}  // namespace

void SettingsWriter::begin() {
  store(settings_.stamp, 1U << 16 | 1);
  store(settings_.v4.seed, random_seed());
  store(settings_.v6.seed, random_seed());
  store(settings_.ecmp_seed, random_seed());
}

void SettingsWriter::configure(const Config& config, std::uint32_t ticks_per_second) {
  store_shape(settings_.v4, config.flows.max_pairs_v4);
  store_shape(settings_.v6, config.flows.max_pairs_v6);
  store(settings_.ticks_per_second, ticks_per_second);
  store(settings_.heartbeat_limit, kHeartbeatLimit_s * ticks_per_second);
  store(settings_.pickup, config.flows.pickup == Pickup::loose ? DP_PICKUP_LOOSE : DP_PICKUP_STRICT);
  store(settings_.pickup_grace, config.flows.pickup == Pickup::grace ? 1 : 0);
  store_timeouts(settings_.timeouts, ticks_of(config.flows.timeouts, ticks_per_second));
  store_budgets(settings_, config.engine.budget_pps, std::max<std::size_t>(config.ports.size(), 1));
  store(settings_.log_events, kLogEvents);
  store(settings_.layout_version, DP_LAYOUT_VERSION, std::memory_order_release);
}

void SettingsWriter::put_policy_in_force(std::uint32_t bank, std::uint16_t generation) {
  store(settings_.policy_bank, bank, std::memory_order_seq_cst);
  store_stamp(generation, epoch());
}

void SettingsWriter::put_routes_in_force(std::uint32_t bank, std::uint16_t epoch) {
  store(settings_.route_bank, bank, std::memory_order_seq_cst);
  store_stamp(generation(), epoch);
}

void SettingsWriter::store_stamp(std::uint16_t generation, std::uint16_t epoch) {
  store(settings_.stamp, static_cast<std::uint32_t>(generation) << 16 | epoch, std::memory_order_seq_cst);
}

void SettingsWriter::set_heartbeat(std::uint32_t tick) { store(settings_.heartbeat, tick); }

void SettingsWriter::begin_pickup_grace(std::uint32_t now, std::uint32_t ticks) {
  store(settings_.pickup_until, now + ticks);
  store(settings_.pickup_ticks, ticks);
  store(settings_.pickup_grace, 1);
}

void SettingsWriter::end_pickup_grace(std::uint32_t now) {
  if (settings_.pickup_grace != 0 && dp_in_grace(&settings_, now) == 0) store(settings_.pickup_grace, 0);
}

void SettingsWriter::set_crowded(bool v4, bool v6) {
  store(settings_.crowded, (v4 ? DP_CROWDED_V4 : 0) | (v6 ? DP_CROWDED_V6 : 0));
}

}  // namespace twinpath
