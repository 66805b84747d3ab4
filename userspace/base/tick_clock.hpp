// tick_clock.hpp - the kernel's tick (jiffies, lower 32 bits) as user space sees it.
//
// Why ticks   XDP reads them in 2 ns; a nanosecond clock costs 34. Flow entries and timeouts are in ticks, so user space
//             must speak them too.
// How         the coarse monotonic clock advances with the tick, so its resolution is the tick's length. What is left is
//             one offset, learned now and then from the kernel (calibrate) because the two drift apart by parts per
//             million.
// Order       now() never goes back, in whatever thread: a clock that was ahead of the kernel waits until the kernel has
//             passed it. Ages are differences without a sign, so that one tick back would be an age of 497 days. After a
//             jump of more than a second, which no drift explains, the kernel's tick counts at once.
// Thread      now() any; calibrate() one.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace twinpath {

class TickClock {
 public:
  TickClock() : per_second_(measure_rate()) {}

  // CONFIG_HZ of the running kernel.
  [[nodiscard]] std::uint32_t per_second() const noexcept { return per_second_; }
  [[nodiscard]] std::uint32_t now() const noexcept {
    const std::uint32_t tick = elapsed() + offset_.load(std::memory_order_relaxed);
    std::uint32_t latest = latest_.load(std::memory_order_relaxed);
    while (ticks_between(latest, tick) > 0)
      if (latest_.compare_exchange_weak(latest, tick, std::memory_order_relaxed)) return tick;
    return latest;
  }
  // `kernel_tick` has just been read in the kernel.
  void calibrate(std::uint32_t kernel_tick) noexcept {
    offset_.store(kernel_tick - elapsed(), std::memory_order_relaxed);
    const std::int32_t ahead = ticks_between(kernel_tick, latest_.load(std::memory_order_relaxed));
    const auto second = static_cast<std::int32_t>(per_second_);
    if (ahead > second || ahead < -second) latest_.store(kernel_tick, std::memory_order_relaxed);
  }

 private:
  static std::int32_t ticks_between(std::uint32_t from, std::uint32_t to) noexcept {
    return static_cast<std::int32_t>(to - from);
  }

  static constexpr std::uint64_t kNanoseconds = 1'000'000'000;

  static std::uint32_t measure_rate() noexcept {
    timespec resolution{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
    const auto length = static_cast<std::uint64_t>(resolution.tv_nsec);
    return length == 0 ? 100 : static_cast<std::uint32_t>((kNanoseconds + length / 2) / length);
  }
  [[nodiscard]] std::uint32_t elapsed() const noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const std::uint64_t parts = static_cast<std::uint64_t>(now.tv_nsec) * per_second_ / kNanoseconds;
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(now.tv_sec) * per_second_ + parts);
  }

  std::uint32_t per_second_;
  std::atomic<std::uint32_t> offset_{0};
  mutable std::atomic<std::uint32_t> latest_{elapsed()};  // that now() has returned
};

}  // namespace twinpath
