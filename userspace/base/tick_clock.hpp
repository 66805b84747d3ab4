// tick_clock.hpp - the kernel's tick (jiffies, lower 32 bits) as user space sees it.
//
// Why ticks   XDP reads them in 2 ns; a nanosecond clock costs 34. Flow entries and timeouts are in ticks, so user space
//             must speak them too.
// How         the coarse monotonic clock advances with the tick, so its resolution is the tick's length. What is left is
//             one offset, learned now and then from the kernel (calibrate) because the two drift apart by parts per
//             million.
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
  [[nodiscard]] std::uint32_t now() const noexcept { return elapsed() + offset_.load(std::memory_order_relaxed); }
  // `kernel_tick` has just been read in the kernel.
  void calibrate(std::uint32_t kernel_tick) noexcept {
    offset_.store(kernel_tick - elapsed(), std::memory_order_relaxed);
  }

 private:
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
};

}  // namespace twinpath
