// value_ring.hpp - a lock-free queue of plain values from one thread to another of the same process.
//
// Threads  one calls push(), one calls pop() and wait(). wait() sleeps by std::atomic::wait, whose sleepers the process keeps:
//          between two processes it would not be woken.
// Order    what the pushing thread wrote before push() is visible to the popping thread after pop() (release, acquire).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace twinpath {

template <class T, std::uint32_t kSize>
class ValueRing {
  static_assert(std::is_trivially_copyable_v<T>, "a value, not an object");
  static_assert((kSize & (kSize - 1)) == 0, "indices wrap at a power of two");

 public:
  // False: full.
  [[nodiscard]] bool push(const T& value) noexcept {
    const std::uint32_t pushed = pushed_.load(std::memory_order_relaxed);
    if (pushed - popped_.load(std::memory_order_acquire) == kSize) return false;
    values_[pushed % kSize] = value;
    pushed_.store(pushed + 1, std::memory_order_release);
    pushed_.notify_one();
    return true;
  }
  [[nodiscard]] std::optional<T> pop() noexcept {
    const std::uint32_t popped = popped_.load(std::memory_order_relaxed);
    if (pushed_.load(std::memory_order_acquire) == popped) return std::nullopt;
    const T value = values_[popped % kSize];
    popped_.store(popped + 1, std::memory_order_release);
    return value;
  }
  // Sleeps until the ring is not empty.
  void wait() const noexcept { pushed_.wait(popped_.load(std::memory_order_relaxed), std::memory_order_acquire); }

 private:
  alignas(64) std::atomic<std::uint32_t> pushed_{0};
  alignas(64) std::atomic<std::uint32_t> popped_{0};
  alignas(64) std::array<T, kSize> values_{};
};

}  // namespace twinpath
