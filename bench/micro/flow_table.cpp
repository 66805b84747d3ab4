// flow_table.cpp - the flow table as it grows: searches in random order, and pairs that come and go.
//
//   flow_table/hit              dp_flow_find4 of halves that are there, forward and reverse by turns
//   flow_table/miss             of halves that are not
//   flow_table/install_delete   one pair more installed and deleted again, another one each time
//
// Keys lie in memory in the order they are searched in, so what is out of the cache is the table alone. One search does
// not wait for the one before it, as packets of a burst do not: the CPU overlaps their cache misses.

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "bench/micro/families.hpp"
#include "bench/micro/full_table.hpp"
#include "bench/micro/measure.hpp"

namespace twinpath::bench {
namespace {

using Tables = std::shared_ptr<Kept<FullTable>>;

constexpr std::int64_t kLargest = 4'000'000;

test::FlowTable* table_for(benchmark::State& state, const Tables& tables) {
  FullTable& filled = tables->of(static_cast<std::uint32_t>(state.range(0)));
  if (filled.full()) return &filled.table();
  state.SkipWithError("a pair found no room in the table");
  return nullptr;
}

// Numbers first .. first + count - 1, shuffled: always the same way.
std::vector<std::uint32_t> shuffled_numbers(std::uint32_t first, std::uint32_t count) {
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
  return numbers;
}

std::vector<dp_flow_key4> keys_of(const std::vector<std::uint32_t>& numbers) {
  std::vector<dp_flow_key4> keys(numbers.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const dp_packet packet =
        test::flow_packet(DP_FAMILY_V4, test::flow_half(DP_FAMILY_V4, numbers[i], numbers[i] % 2 != 0));
    dp_flow_key_of4(&packet, &keys[i]);
  }
  return keys;
}

void find(benchmark::State& state, const Tables& tables, bool present) {
  test::FlowTable* table = table_for(state, tables);
  if (table == nullptr) return;
  const auto pairs = static_cast<std::uint32_t>(state.range(0));
  const std::vector<dp_flow_key4> keys = keys_of(shuffled_numbers(present ? 0 : pairs, pairs));
  std::size_t next = 0;
  for (auto _ : state) {
    dp_flow_view view;
    benchmark::DoNotOptimize(&view);
    if ((dp_flow_find4(table->env(), &keys[next], &view) != 0) != present) {
      state.SkipWithError(present ? "a pair was not found" : "a pair was found that is not there");
      break;
    }
    benchmark::ClobberMemory();
    if (++next == keys.size()) next = 0;
  }
  report_each(state, 1);
}

struct NewPair {
  dp_flow_half forward;
  dp_flow_half reverse;
};

std::vector<NewPair> new_pairs(std::uint32_t first, std::uint32_t count) {
  std::vector<NewPair> pairs;
  for (const std::uint32_t number : shuffled_numbers(first, count))
    pairs.push_back({test::flow_half(DP_FAMILY_V4, number, false), test::flow_half(DP_FAMILY_V4, number, true)});
  return pairs;
}

bool install_and_delete(flow_env* env, const NewPair& pair) {
  dp_install io{};
  io.now = FullTable::kSeen;
  io.family = DP_FAMILY_V4;
  dp_flow_view view;
  return dp_flow_install(env, &pair.forward, &pair.reverse, &io) == DP_INSTALL_OK &&
         dp_flow_view_slot(env, io.family, io.slot, io.control, &view) != 0 &&
         dp_flow_delete(env, io.family, &view) != 0;
}

void install_delete(benchmark::State& state, const Tables& tables) {
  constexpr std::uint32_t kNewPairs = 100000;
  test::FlowTable* table = table_for(state, tables);
  if (table == nullptr) return;
  const std::vector<NewPair> pairs = new_pairs(static_cast<std::uint32_t>(state.range(0)), kNewPairs);
  std::size_t next = 0;
  for (auto _ : state) {
    if (!install_and_delete(table->env(), pairs[next])) {
      state.SkipWithError("a pair was not installed, or not deleted");
      break;
    }
    if (++next == pairs.size()) next = 0;
  }
  report_each(state, 1);
}

benchmark::internal::Benchmark* shape(benchmark::internal::Benchmark* family) {
  return family->ArgName("pairs")->Arg(1000)->Arg(10000)->Arg(100000)->Arg(1000000);
}

}  // namespace

void add_flow_table() {
  const auto tables = std::make_shared<Kept<FullTable>>();
  auto* hit = shape(benchmark::RegisterBenchmark("flow_table/hit", find, tables, true));
  auto* miss = shape(benchmark::RegisterBenchmark("flow_table/miss", find, tables, false));
  shape(benchmark::RegisterBenchmark("flow_table/install_delete", install_delete, tables));
  if (!has_room_for_gigabytes()) return;
  hit->Arg(kLargest);
  miss->Arg(kLargest);
}

}  // namespace twinpath::bench
