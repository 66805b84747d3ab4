// heartbeat.hpp - tells the kernel datapath four times a second that the daemon lives, from a thread of its own.
//
// Why      dp_settings.heartbeat that is older than three seconds makes the datapaths believe that the daemon is gone: the
//          kernel takes expired entries itself, and no longer hands over flows through the engine. A compilation, a reload
//          or a queue that stays busy may hold the control thread longer than that.
// Honest   the heartbeat speaks for the control thread, which expires flows and follows Linux. It ends when the control
//          thread has given no sign for 30 s (`silence_limit`), and goes on with its next sign. The control thread gives one
//          each second, and at every step of a reload.
// Clock    this thread also keeps the TickClock in step with the kernel, once a second.
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
  // `kernel_tick` asks the kernel for its tick; absent: it could not be asked, and the clock goes on as it was.
  Heartbeat(SettingsWriter& settings, TickClock& clock, std::function<std::optional<std::uint32_t>()> kernel_tick,
            HeartbeatTimes times = {});
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // The sign of the control thread.
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
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace twinpath
