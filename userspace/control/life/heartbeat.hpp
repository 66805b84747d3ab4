// heartbeat.hpp - a thread that writes dp_settings.heartbeat four times a second: the daemon is alive.
//
// Why      When the heartbeat is older than three seconds, the datapaths act as without a daemon: the kernel evicts
//          expired pairs itself, and no longer steers packets of held flows to the engine. The control thread can be busy
//          for longer than that, with a reload for example, so it does not send the heartbeat itself.
// Limit    The heartbeat stands for the control thread, which expires flows and follows Linux. It pauses when the
//          control thread has not called control_lives() for 30 s (`silence_limit`). The control thread calls it each
//          second and at the steps of a reload.
// Clock    Once a second this thread calibrates the TickClock by the kernel's tick.
// Thread   construction starts the thread, destruction ends it. control_lives(): any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/tick_clock.hpp"
#include "control/publish/settings_writer.hpp"

namespace twinpath {

struct HeartbeatTimes {
  std::chrono::milliseconds period{250};
  std::chrono::milliseconds silence_limit{30'000};
};

class Heartbeat {
 public:
  // `kernel_tick` returns the kernel's tick; absent: it could not be read, and the clock is not calibrated.
  Heartbeat(SettingsWriter& settings, TickClock& clock, std::function<std::optional<std::uint32_t>()> kernel_tick,
            HeartbeatTimes times = {});
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Called by the control thread while it works.
  void control_lives() noexcept { sign_.store(std::chrono::steady_clock::now(), std::memory_order_relaxed); }

 private:
  void run(const std::stop_token& stop);
  void calibrate_each_second();
  [[nodiscard]] bool control_silent() const;

  SettingsWriter& settings_;
  TickClock& clock_;
  std::function<std::optional<std::uint32_t>()> kernel_tick_;
  HeartbeatTimes times_;
  std::atomic<std::chrono::steady_clock::time_point> sign_;
  std::chrono::steady_clock::time_point calibrated_{};
  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::jthread thread_;  // last: it uses all other members
};

}  // namespace twinpath
