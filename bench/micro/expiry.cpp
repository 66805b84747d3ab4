// expiry.cpp - the pass that lets go of flows that have been idle for too long, over a full table of a million pairs.
//
//   expiry/first     the first pass over them, none expired: every entry is read
//   expiry/again     a pass a second later: nothing has changed, and nobody's time has come
//   expiry/expired   all expired: every pair is deleted. The table is put back in between, which is not measured

#include <algorithm>
#include <vector>

#include "bench/micro/families.hpp"
#include "bench/micro/full_table.hpp"
#include "bench/micro/measure.hpp"
#include "flows/expiry.hpp"

namespace twinpath::bench {
namespace {

using Tables = std::shared_ptr<Kept<FullTable>>;

constexpr std::uint32_t kStamp = 0x00010001;  // the one of numbered flows: none is far behind it

enum class Pass : std::uint8_t { first, again, expired };

// Ticks since the pairs were seen.
std::uint32_t ticks_of(Pass pass, const dp_timeouts& timeouts) {
  return pass == Pass::expired ? timeouts.tcp_established * 2 : 1;
}

bool as_they_are(const ExpiryCounts& counts, std::uint64_t pairs, bool expired) {
  return counts.assured + counts.expired == pairs && counts.expired == (expired ? pairs : 0);
}

void scan(benchmark::State& state, const Tables& tables, Pass pass) {
  const auto pairs = static_cast<std::uint64_t>(state.range(0));
  FullTable& filled = tables->of(static_cast<std::uint32_t>(pairs));
  if (!filled.full()) return state.SkipWithError("a pair found no room in the table");
  const TableView view = filled.table().view();
  const dp_timeouts& timeouts = filled.table().timeouts();
  const std::uint32_t now = FullTable::kSeen + ticks_of(pass, timeouts);
  const std::vector<dp_flow_bucket4> before(view.v4.begin(), view.v4.end());
  for (auto _ : state) {
    FlowExpiry expiry;
    ExpiryCounts counts;
    if (pass == Pass::again) expiry.pass(view, now, timeouts, kStamp);
    state.SetIterationTime(seconds_of([&] { counts = expiry.pass(view, now, timeouts, kStamp); }));
    if (!as_they_are(counts, pairs, pass == Pass::expired)) {
      state.SkipWithError("the pass did not find the pairs as they are");
      break;
    }
    if (pass == Pass::expired) std::ranges::copy(before, view.v4.begin());
  }
  report_each(state, static_cast<double>(pairs));
}

void shape(benchmark::internal::Benchmark* family) {
  family->ArgName("pairs")->Arg(1000000)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

void add_expiry() {
  const auto tables = std::make_shared<Kept<FullTable>>();
  shape(benchmark::RegisterBenchmark("expiry/first", scan, tables, Pass::first));
  shape(benchmark::RegisterBenchmark("expiry/again", scan, tables, Pass::again));
  shape(benchmark::RegisterBenchmark("expiry/expired", scan, tables, Pass::expired));
}

}  // namespace twinpath::bench
