// memory.cpp - what one wait for memory costs: the floor under a search whose lines are in no near cache.
//
//   memory/random    one load from a random cache line of so many megabytes; each waits for the one before it

#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "bench/micro/families.hpp"
#include "bench/micro/measure.hpp"

namespace twinpath::bench {
namespace {

struct alignas(64) Line {
  std::uint32_t next;
};

// A way through all lines of a piece of memory that comes back to its beginning, in random order.
class RandomWay {
 public:
  explicit RandomWay(std::uint32_t megabytes) : lines_(std::size_t{megabytes} * 1024 * 1024 / sizeof(Line)) {
    std::vector<std::uint32_t> order(lines_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::mt19937 random{1};
    for (std::size_t left = order.size(); left > 1; --left)
      std::swap(order[left - 1], order[std::uniform_int_distribution<std::size_t>{0, left - 1}(random)]);
    for (std::size_t i = 0; i < order.size(); ++i) lines_[order[i]].next = order[(i + 1) % order.size()];
  }

  [[nodiscard]] std::uint32_t after(std::uint32_t line) const { return lines_[line].next; }
  [[nodiscard]] std::size_t lines() const { return lines_.size(); }

 private:
  std::vector<Line> lines_;
};

using Ways = std::shared_ptr<Kept<RandomWay>>;

void random_line(benchmark::State& state, const Ways& ways) {
  const RandomWay& way = ways->of(static_cast<std::uint32_t>(state.range(0)));
  const auto steps = static_cast<benchmark::IterationCount>(way.lines());
  std::uint32_t line = 0;
  benchmark::IterationCount home = 0;
  for (auto _ : state) {
    line = way.after(line);
    benchmark::DoNotOptimize(line);
    home += line == 0;
  }
  if (home != state.iterations() / steps) state.SkipWithError("the way is not as long as the memory");
  report_each(state, 1);
}

}  // namespace

void add_memory() {
  const auto ways = std::make_shared<Kept<RandomWay>>();
  auto* random = benchmark::RegisterBenchmark("memory/random", random_line, ways);
  // the last three: flow tables of 262,144 pairs, a million and four million
  random->ArgName("MB")->Arg(1)->Arg(16)->Arg(68)->Arg(272);
  if (has_room_for_gigabytes()) random->Arg(1088);
}

}  // namespace twinpath::bench
