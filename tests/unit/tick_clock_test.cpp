// The kernel's tick as user space sees it: in step with the kernel, and never back.
#include "base/tick_clock.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

using namespace twinpath;

namespace {

std::int32_t from(std::uint32_t before, std::uint32_t after) { return static_cast<std::int32_t>(after - before); }

}  // namespace

TEST_CASE("a clock that was ahead of the kernel waits for it, and one that was behind goes on at once") {
  TickClock clock;
  clock.calibrate(1'000'000);
  const std::uint32_t before = clock.now();
  clock.calibrate(before - 2);
  CHECK(from(before, clock.now()) >= 0);
  CHECK(from(before, clock.now()) <= 1);  // not more: it waits
  clock.calibrate(before + 5);
  CHECK(from(before, clock.now()) >= 5);
}

TEST_CASE("the tick wraps around without a step back") {
  TickClock clock;
  clock.calibrate(UINT32_MAX - 1);
  const std::uint32_t before = clock.now();
  clock.calibrate(3);
  CHECK(from(before, clock.now()) >= 3);
  clock.calibrate(UINT32_MAX);
  CHECK(from(3, clock.now()) >= 0);
}

TEST_CASE("a tick far from this clock's counts at once, in either direction") {
  TickClock clock;
  for (const std::uint32_t tick : {5'000'000U, 1'000U, 4'000'000'000U}) {
    clock.calibrate(tick);
    CHECK(from(tick, clock.now()) >= 0);
    CHECK(from(tick, clock.now()) <= static_cast<std::int32_t>(clock.per_second()));
  }
}

TEST_CASE("no thread sees the tick go back while the clock is calibrated to and fro") {
  TickClock clock;
  clock.calibrate(1'000'000);
  std::atomic<bool> stop{false};
  std::atomic<int> steps_back{0};
  std::atomic<std::uint32_t> seen{clock.now()};  // by some thread
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      while (!stop.load()) {
        const std::uint32_t earlier = seen.load();
        const std::uint32_t now = clock.now();
        if (from(earlier, now) < 0) steps_back.fetch_add(1);
        seen.store(now);
      }
    });
  for (int i = 0; i < 20'000; ++i) clock.calibrate(clock.now() + static_cast<std::uint32_t>(i % 7) - 3);
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
  CHECK(steps_back.load() == 0);
}
