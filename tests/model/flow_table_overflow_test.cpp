// flow_table_overflow_test.cpp - how full a table of eight ways and two choices gets before an installation fails.
//
// Pairs of random keys are installed without eviction up to a load, then a random pair is replaced a hundred thousand
// times, a million times at half load. The promise behind max_pairs is half load; the table printed shows how much room
// is left above it.

#include <doctest/doctest.h>

#include <cstdio>
#include <vector>

#include "harness/flow_env.hpp"

using namespace twinpath::test;

namespace {

class Crowd {
 public:
  explicit Crowd(std::uint32_t buckets) : table_(DP_FAMILY_V4, buckets, 42), slots_(buckets * DP_FLOW_LANES) {}

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

 private:
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
  std::puts("load  failed while filling  failed in churn");
  for (const double load : {0.5, 0.6, 0.7, 0.8, 0.9, 0.95}) {
    const auto filling = crowd.fill(load);
    const auto churning = crowd.churn(load == 0.5 ? 1000000 : 100000);
    std::printf("%.2f  %20.2g  %15.2g\n", load, filling.rate(), churning.rate());
    if (load <= 0.6) CHECK(filling.failed == 0);
    if (load <= 0.5) CHECK(churning.failed == 0);
    if (load <= 0.6) CHECK(churning.rate() < 0.0001);
    if (load <= 0.7) CHECK(churning.rate() < 0.01);
  }
}
