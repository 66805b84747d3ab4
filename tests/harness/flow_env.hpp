// flow_env.hpp - a flow table in memory for tests, and numbered flows (flow_numbers.h) to put into it.
#pragma once

#include <cstdint>
#include <vector>

#include "flows/env.hpp"
#include "flows/table_view.hpp"
#include "tests/harness/flow_numbers.h"

#define dp_env flow_env  // as in flows/env.hpp
#include "common/flow/notes.h"
#undef dp_env

namespace twinpath::test {

inline dp_flow_half flow_half(std::uint8_t family, std::uint32_t number, bool reverse, std::uint8_t protocol = 6) {
  dp_flow_half half{};
  flow_number_half(&half, family, number, reverse, protocol);
  return half;
}

inline bool flow_is_whole(const dp_flow_half& half, const dp_flow_view& view) {
  return flow_number_whole(&half, &view) != 0;
}

inline dp_packet flow_packet(std::uint8_t family, const dp_flow_half& half) {
  dp_packet packet{};
  flow_number_packet(&packet, family, &half);
  return packet;
}

// A table of one family. With one bucket every key has one set, which is both of its candidates.
class FlowTable {
 public:
  // With it the flows 0 to 7 of either family fill a table of one bucket: none finds both of its sets full before.
  static constexpr std::uint64_t kSeed = 0x5eef;
  explicit FlowTable(std::uint8_t family, std::uint32_t buckets = 64, std::uint64_t seed = kSeed) : family_(family) {
    if (family == DP_FAMILY_V4) v4_.resize(buckets);
    if (family == DP_FAMILY_V6) v6_.resize(buckets);
    cold_.resize(std::size_t{buckets} * DP_FLOW_LANES);
    settings_.v4 = settings_.v6 = {seed, buckets * 2, buckets * DP_FLOW_LANES / 4};
    settings_.timeouts = {10, 1000, 20, 5, 30, 100, 15, 40};
    env_ = {&settings_, v4_, v6_, cold_};
  }
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  [[nodiscard]] std::uint8_t family() const { return family_; }
  [[nodiscard]] flow_env* env() { return &env_; }
  [[nodiscard]] const dp_timeouts& timeouts() const { return settings_.timeouts; }
  [[nodiscard]] TableView view() { return {family_, v4_, v6_, cold_, settings_.v4}; }
  [[nodiscard]] std::uint64_t hash(const dp_flow_half& half) const {
    return family_ == DP_FAMILY_V4 ? dp_flow_half_hash4(&half, settings_.v4.seed)
                                   : dp_flow_half_hash6(&half, settings_.v6.seed);
  }
  [[nodiscard]] std::uint32_t& control(std::uint32_t slot) {
    return family_ == DP_FAMILY_V4 ? *dp_flow_control4(&env_, slot) : *dp_flow_control6(&env_, slot);
  }

  int install(std::uint32_t number, std::uint32_t now = 1, bool evict = false, bool evict_expired = false,
              std::uint8_t protocol = 6) {
    return install(flow_half(family_, number, false, protocol), flow_half(family_, number, true, protocol), now, evict,
                   evict_expired);
  }
  int install(const dp_flow_half& forward, const dp_flow_half& reverse, std::uint32_t now = 1, bool evict = false,
              bool evict_expired = false) {
    dp_install io{};
    io.now = now;
    io.family = family_;
    io.evict = evict;
    io.evict_expired = evict_expired;
    const int result = dp_flow_install(&env_, &forward, &reverse, &io);
    last_ = io;
    return result;
  }
  // What the last installation said.
  [[nodiscard]] const dp_install& last() const { return last_; }

  bool find(const dp_flow_half& half, dp_flow_view& view) {
    const dp_packet packet = flow_packet(family_, half);
    return dp_flow_find(&env_, &packet, &view) != 0;
  }
  bool find(std::uint32_t number, bool reverse, dp_flow_view& view, std::uint8_t protocol = 6) {
    return find(flow_half(family_, number, reverse, protocol), view);
  }
  bool has(std::uint32_t number, bool reverse = false, std::uint8_t protocol = 6) {
    dp_flow_view view;
    return find(number, reverse, view, protocol);
  }

  // Slots in use, in whatever state.
  [[nodiscard]] std::uint32_t used() {
    std::uint32_t count = 0;
    for (std::uint32_t slot = 0; slot < view().slot_count(); ++slot) count += dp_flow_state_of(control(slot)) != 0;
    return count;
  }

 private:
  std::uint8_t family_;
  std::vector<dp_flow_bucket4> v4_;
  std::vector<dp_flow_bucket6> v6_;
  std::vector<dp_flow_cold> cold_;
  dp_settings settings_{};
  flow_env env_{};
  dp_install last_{};
};

struct FamilyCase {
  const char* name;
  std::uint8_t family;
};
inline constexpr FamilyCase kFamilies[] = {{"IPv4", DP_FAMILY_V4}, {"IPv6", DP_FAMILY_V6}};

}  // namespace twinpath::test
