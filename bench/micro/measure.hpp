// measure.hpp - what the families share: the figure they report, and big things that are built once per size.
#pragma once

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>

namespace twinpath::bench {

// Adds the counter `each`: time per packet, decision, rule or pair, of which an iteration works through `per_iteration`.
inline void report_each(benchmark::State& state, double per_iteration) {
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * per_iteration,
      static_cast<benchmark::Counter::Flags>(benchmark::Counter::kIsRate | benchmark::Counter::kInvert));
}

// Seconds that `work` takes, for benchmarks that keep the time themselves. Two readings of the clock are in it.
template <class Work>
double seconds_of(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Is there room for what takes a gigabyte or two?
inline bool has_room_for_gigabytes() {
  constexpr std::int64_t kEnough = std::int64_t{4} << 30;
  return std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE) >= kEnough;
}

// Something big of one size, T(size): built when first asked for and kept until another size is. The library calls a
// benchmark several times until it knows how many iterations to do, and once more for each repetition.
template <class T>
class Kept {
 public:
  T& of(std::uint32_t size) {
    if (value_ == nullptr || size != size_) {
      value_.reset();  // two of them may not fit
      value_ = std::make_unique<T>(size);
      size_ = size;
    }
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
  std::uint32_t size_ = 0;
};

}  // namespace twinpath::bench
