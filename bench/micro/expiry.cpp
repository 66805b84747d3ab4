// expiry.cpp - the scan for flows that have been idle for too long, over a full table of a million pairs.
//
//   expiry/young     all have been seen within the shortest timeout
//   expiry/idle      idle for longer than that, not for their own timeout: the scan looks at the other halves, too
//   expiry/expired   all expired: every pair is deleted. The table is put back in between, which is not measured

#include <algorithm>
#include <vector>

#include "bench/micro/families.hpp"
#include "bench/micro/full_table.hpp"
#include "bench/micro/measure.hpp"

namespace twinpath::bench {
namespace {

using Tables = std::shared_ptr<Kept<FullTable>>;

constexpr std::uint32_t kStamp = 0x00010001;  // the one of numbered flows: none is far behind it

enum class Age : std::uint8_t { young, idle, expired };

// Ticks since the pairs were seen.
std::uint32_t ticks_of(Age age, const dp_timeouts& timeouts) {
  switch (age) {
    case Age::young: return 1;
    case Age::idle: return timeouts.tcp_established / 2;
    default: return timeouts.tcp_established * 2;
  }
}

void scan(benchmark::State& state, const Tables& tables, Age age) {
  const auto pairs = static_cast<std::uint64_t>(state.range(0));
  FullTable& filled = tables->of(static_cast<std::uint32_t>(pairs));
  if (!filled.full()) return state.SkipWithError("a pair found no room in the table");
  const TableView view = filled.table().view();
  const dp_timeouts& timeouts = filled.table().timeouts();
  const std::uint32_t now = FullTable::kSeen + ticks_of(age, timeouts);
  const std::vector<dp_flow_bucket4> before(view.v4.begin(), view.v4.end());
  for (auto _ : state) {
    ExpiryCounts counts;
    state.SetIterationTime(seconds_of([&] { counts = expire_flows(view, now, timeouts, kStamp); }));
    if (counts.assured + counts.expired != pairs || counts.expired != (age == Age::expired ? pairs : 0)) {
      state.SkipWithError("the scan did not find the pairs as they are");
      break;
    }
    if (age == Age::expired) std::ranges::copy(before, view.v4.begin());
  }
  report_each(state, static_cast<double>(pairs));
}

void shape(benchmark::internal::Benchmark* family) {
  family->ArgName("pairs")->Arg(1000000)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

void add_expiry() {
  const auto tables = std::make_shared<Kept<FullTable>>();
  shape(benchmark::RegisterBenchmark("expiry/young", scan, tables, Age::young));
  shape(benchmark::RegisterBenchmark("expiry/idle", scan, tables, Age::idle));
  shape(benchmark::RegisterBenchmark("expiry/expired", scan, tables, Age::expired));
}

}  // namespace twinpath::bench
