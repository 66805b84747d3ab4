// The heartbeat continues while the control thread is busy, and stops when the control thread is stuck.
#include "control/life/heartbeat.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace twinpath;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kPeriod = 10ms;

struct Fixture {
  dp_settings settings{};
  SettingsWriter writer{settings};
  TickClock clock;
  std::atomic<std::uint32_t> kernel_tick{1000};
  std::atomic<bool> kernel_answers{true};

  std::optional<std::uint32_t> ask_kernel() const {
    if (!kernel_answers) return std::nullopt;
    return kernel_tick.load();
  }
  [[nodiscard]] std::uint32_t heartbeat() { return std::atomic_ref(settings.heartbeat).load(); }
  [[nodiscard]] bool changes_within(std::chrono::milliseconds time) {
    const std::uint32_t before = heartbeat();
    for (const auto until = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < until;) {
      if (heartbeat() != before) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the heartbeat continues while the control thread sleeps") {
  Heartbeat heart(writer, clock, [this] { return ask_kernel(); }, {kPeriod, 30s});
  std::this_thread::sleep_for(500ms);  // this is the control thread, which does nothing else
  const std::uint32_t late = clock.now() - heartbeat();
  CHECK(late * 1000 < 250 * clock.per_second());
}

TEST_CASE_FIXTURE(Fixture, "the heartbeat is the kernel's tick") {
  Heartbeat heart(writer, clock, [this] { return ask_kernel(); }, {kPeriod, 30s});
  REQUIRE(changes_within(5s));
  CHECK(heartbeat() - 1000 < 30 * clock.per_second());
}

TEST_CASE_FIXTURE(Fixture, "without the kernel's tick the clock continues uncalibrated") {
  clock.calibrate(5000);
  kernel_answers = false;
  Heartbeat heart(writer, clock, [this] { return ask_kernel(); }, {kPeriod, 30s});
  REQUIRE(changes_within(5s));
  CHECK(heartbeat() - 5000 < 30 * clock.per_second());
}

TEST_CASE_FIXTURE(Fixture, "the heartbeat stops when the control thread is stuck, and continues when it works again") {
  Heartbeat heart(writer, clock, [this] { return ask_kernel(); }, {kPeriod, 100ms});
  std::this_thread::sleep_for(300ms);
  CHECK_FALSE(changes_within(200ms));
  heart.control_lives();
  CHECK(changes_within(80ms));
}

TEST_CASE_FIXTURE(Fixture, "no heartbeat is written once its object is gone") {
  {
    const Heartbeat heart(writer, clock, [this] { return ask_kernel(); }, {kPeriod, 30s});
  }
  CHECK_FALSE(changes_within(100ms));
}
