#include "control/publish/publisher.hpp"

#include <algorithm>
#include <cstring>

namespace twinpath {
namespace {

std::uint16_t next_number(std::uint16_t number) {
  const auto next = static_cast<std::uint16_t>(number + 1);
  return next == 0 ? 1 : next;  // 0 is never current
}

}  // namespace

Publisher::Publisher(Tables& tables, SettingsWriter& settings, GracePeriod grace,
                     std::function<void()> wait_for_engines)
    : tables_(tables), settings_(settings), grace_(std::move(grace)), wait_for_engines_(std::move(wait_for_engines)) {}

Status Publisher::publish(const TableImage& image) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  write_policy(image);
  flip_policy();
  return {};
}

Status Publisher::publish_routes(const RouteRules& routes) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  write_routes(routes, idle_route_bank());
  flip_routes();
  return {};
}

Status Publisher::publish(const TableImage& image, const RouteRules& routes) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  write_policy(image);
  write_routes(routes, idle_route_bank());
  flip_routes();
  flip_policy();
  return {};
}

Status Publisher::publish_first(const TableImage& image, const RouteRules& routes) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  write_policy(image);
  for (std::uint32_t bank = 0; bank < DP_BANKS; ++bank) write_routes(routes, bank);
  settings_.put_routes_in_force(settings_.view().route_bank, next_number(settings_.epoch()));
  flip_policy();
  return {};
}

void Publisher::flip_policy() {
  settings_.put_policy_in_force(idle_policy_bank(), next_number(settings_.generation()));
}

void Publisher::flip_routes() { settings_.put_routes_in_force(idle_route_bank(), next_number(settings_.epoch())); }

Status Publisher::wait_for_readers() {
  if (auto waited = grace_.wait(); !waited) return waited;
  wait_for_engines_();
  return {};
}

void Publisher::write_policy(const TableImage& image) {
  const std::uint32_t bank = idle_policy_bank();
  constexpr std::size_t kPairs = std::size_t{DP_ZONES_MAX} * DP_ZONES_MAX;
  const TableMemory& memory = tables_.memory();
  write_image(image, memory.zone_pairs.values().subspan(bank * kPairs, kPairs),
              memory.rules.values().subspan(std::size_t{bank} * DP_RULES_MAX, DP_RULES_MAX));
}

void Publisher::write_routes(const RouteRules& rules, std::uint32_t bank) {
  for (std::size_t family = 0; family < rules.size(); ++family) {
    const auto place = tables_.memory().route_rules.values().subspan(
        (std::size_t{bank} * 2 + family) * DP_ROUTE_RULES_MAX, DP_ROUTE_RULES_MAX);
    const auto end = std::copy(rules[family].begin(), rules[family].end(), place.begin());
    std::fill(end, place.end(), dp_route_rule{});
  }
}

}  // namespace twinpath
