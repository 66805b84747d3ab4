#include "control/publish/publisher.hpp"

#include <algorithm>
#include <cstring>

namespace twinpath {
namespace {

std::uint16_t next_number(std::uint16_t number) {
  const auto next = static_cast<std::uint16_t>(number + 1);
  return next == 0 ? 1 : next;  // 0 is never current
}

bool same(const dp_route& a, const dp_route& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

dp_route_key4 key4(const netlink::Prefix& prefix) { return {prefix.bits, prefix.base.address.word[0]}; }
dp_route_key6 key6(const netlink::Prefix& prefix) { return {prefix.bits, prefix.base.address}; }

// Every key of a trie, as prefixes with their routes.
template <class Key, class ToPrefix>
void read_trie(int fd, std::map<netlink::Prefix, dp_route>& out, ToPrefix to_prefix) {
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(fd, previous, &key) == 0) {
    dp_route route{};
    if (bpf_map_lookup_elem(fd, &key, &route) == 0) out[to_prefix(key)] = route;
    previous = &key;
  }
}

}  // namespace

Publisher::Publisher(Tables& tables, SettingsWriter& settings, GracePeriod grace,
                     std::function<void()> wait_for_engines)
    : tables_(tables), settings_(settings), grace_(std::move(grace)), wait_for_engines_(std::move(wait_for_engines)) {
  for (std::uint32_t bank = 0; bank < DP_BANKS; ++bank) read_back_routes(bank);
}

void Publisher::read_back_routes(std::uint32_t bank) {
  const MapFds& maps = tables_.maps();
  read_trie<dp_route_key4>(maps.routes4[bank], written_[bank], [](const dp_route_key4& key) {
    netlink::Prefix prefix;
    prefix.base.family = DP_FAMILY_V4;
    prefix.base.address.word[0] = key.address;
    prefix.bits = static_cast<std::uint8_t>(key.prefix_bits);
    return prefix;
  });
  read_trie<dp_route_key6>(maps.routes6[bank], written_[bank], [](const dp_route_key6& key) {
    return netlink::Prefix{{DP_FAMILY_V6, key.address}, static_cast<std::uint8_t>(key.prefix_bits)};
  });
}

Status Publisher::publish(const TableImage& image) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  write_policy(image);
  flip_policy();
  return {};
}

Status Publisher::publish_routes(const RoutePlan& routes) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  if (auto written = write_routes(routes); !written) return written;
  flip_routes();
  return {};
}

Status Publisher::publish(const TableImage& image, const RoutePlan& routes) {
  if (auto waited = wait_for_readers(); !waited) return waited;
  write_policy(image);
  if (auto written = write_routes(routes); !written) return written;
  flip_routes();
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

// Writes only the differences to the bank's contents: a change of one route among many thousand is two system calls.
Status Publisher::write_routes(const RoutePlan& plan) {
  const std::uint32_t bank = idle_route_bank();
  const std::span<dp_path> paths =
      tables_.memory().paths.values().subspan(std::size_t{bank} * DP_PATHS_MAX, DP_PATHS_MAX);
  std::copy(plan.paths.begin(), plan.paths.end(), paths.begin());
  auto& written = written_[bank];
  for (auto entry = written.begin(); entry != written.end();) {
    if (plan.routes.contains(entry->first)) {
      ++entry;
      continue;
    }
    if (auto removed = remove_route(bank, entry->first); !removed) return removed;
    entry = written.erase(entry);
  }
  for (const auto& [prefix, route] : plan.routes) {
    const auto known = written.find(prefix);
    if (known != written.end() && same(known->second, route)) continue;
    if (auto put = write_route(bank, prefix, route); !put) return put;
    written[prefix] = route;
  }
  return {};
}

Status Publisher::write_route(std::uint32_t bank, const netlink::Prefix& prefix, const dp_route& route) {
  const MapFds& maps = tables_.maps();
  if (prefix.base.family == DP_FAMILY_V4) return map_update(maps.routes4[bank], key4(prefix), route, "IPv4 routes");
  return map_update(maps.routes6[bank], key6(prefix), route, "IPv6 routes");
}

Status Publisher::remove_route(std::uint32_t bank, const netlink::Prefix& prefix) {
  const MapFds& maps = tables_.maps();
  if (prefix.base.family == DP_FAMILY_V4) return map_remove(maps.routes4[bank], key4(prefix), "IPv4 routes");
  return map_remove(maps.routes6[bank], key6(prefix), "IPv6 routes");
}

}  // namespace twinpath
