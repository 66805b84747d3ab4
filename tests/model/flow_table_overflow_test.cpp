// flow_table_overflow_test.cpp - how full a table of eight ways and two choices gets before an installation fails.
//
// Pairs of random keys are installed without eviction up to a load, then a random pair is replaced a hundred thousand
// times, a million times at half load. The promise behind max_pairs is half load; the table printed shows how much room
// is left above it, and which share of the keys lies in its first set, and at home.

#include <doctest/doctest.h>

#include <cstdio>
#include <vector>

#include "harness/flow_env.hpp"

using namespace twinpath::test;

namespace {

class Crowd {
 public:
  explicit Crowd(std::uint32_t buckets) : table_(DP_FAMILY_V4, buckets, kSeed), slots_(buckets * DP_FLOW_LANES) {}

  struct Failures {
    std::uint64_t failed = 0;
    std::uint64_t tried = 0;
    [[nodiscard]] double rate() const {
      return tried == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(tried);
    }
  };

  Failures fill(double load) {
    Failures failures;
    const auto wanted = static_cast<std::size_t>(load * slots_ / 2);
    while (live_.size() < wanted && failures.tried < slots_) install(failures);
    return failures;
  }
  Failures churn(std::uint64_t times) {
    Failures failures;
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto size = static_cast<std::uint32_t>(live_.size());
      const std::size_t chosen = dp_hash_range(static_cast<std::uint32_t>(random() >> 32), size);
      dp_flow_delete(table_.env(), DP_FAMILY_V4, &live_[chosen]);
      live_[chosen] = live_.back();
      live_.pop_back();
      const std::size_t wanted = live_.size() + 1;
      for (int tries = 0; tries < 1000 && live_.size() < wanted; ++tries) install(failures);
    }
    return failures;
  }

  struct Shares {
    double in_first_set = 0;
    double at_home = 0;
  };
  [[nodiscard]] Shares shares() {
    Shares found;
    for (const dp_flow_view& view : live_) {
      const std::uint64_t hash = dp_flow_hash4(&dp_flow_entry4(table_.env(), view.slot)->key, kSeed);
      const std::uint32_t first = dp_flow_first_set(hash, slots_ / DP_FLOW_WAYS);
      found.in_first_set += view.slot / DP_FLOW_WAYS == first;
      found.at_home += view.slot == first * DP_FLOW_WAYS + dp_flow_home_way(hash);
    }
    const auto all = static_cast<double>(live_.size());
    return {found.in_first_set / all, found.at_home / all};
  }

 private:
  static constexpr std::uint64_t kSeed = 42;

  std::uint64_t random() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }
  void install(Failures& failures) {
    dp_flow_half forward{}, reverse{};
    const std::uint64_t words[] = {random(), random()};
    forward.source.word[0] = static_cast<std::uint32_t>(words[0]);
    forward.destination.word[0] = static_cast<std::uint32_t>(words[0] >> 32);
    forward.source_port = static_cast<std::uint16_t>(words[1]);
    forward.destination_port = static_cast<std::uint16_t>(words[1] >> 16);
    forward.protocol = 6;
    reverse.source = forward.destination;
    reverse.destination = forward.source;
    reverse.source_port = forward.destination_port;
    reverse.destination_port = forward.source_port;
    reverse.protocol = 6;
    ++failures.tried;
    dp_flow_view view{};
    if (table_.install(forward, reverse) == DP_INSTALL_OK &&
        dp_flow_view_slot(table_.env(), DP_FAMILY_V4, table_.last().slot, table_.last().control, &view) != 0)
      live_.push_back(view);
    else
      ++failures.failed;
  }

  FlowTable table_;
  std::uint32_t slots_;
  std::vector<dp_flow_view> live_;
  std::uint64_t state_ = 88172645463325252ull;
};

}  // namespace

TEST_CASE("no installation fails at half load, in filling or in churn, and few do far above it") {
  Crowd crowd{1 << 13};  // 131,072 slots
  std::puts("load  failed while filling  failed in churn  first set, at home: filled  churned");
  for (const double load : {0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}) {
    const auto filling = crowd.fill(load);
    const auto filled = crowd.shares();
    const auto churning = crowd.churn(load <= 0.5 ? 1000000 : 100000);
    const auto churned = crowd.shares();
    std::printf("%.2f  %20.2g  %15.2g  %20.2f %.2f  %7.2f %.2f\n", load, filling.rate(), churning.rate(),
                filled.in_first_set, filled.at_home, churned.in_first_set, churned.at_home);
    if (load <= 0.6) CHECK(filling.failed == 0);
    if (load <= 0.5) CHECK(churning.failed == 0);
    if (load <= 0.6) CHECK(churning.rate() < 0.0001);
    if (load <= 0.7) CHECK(churning.rate() < 0.01);
  }
}
