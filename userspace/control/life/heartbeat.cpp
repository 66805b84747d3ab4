#include "control/life/heartbeat.hpp"

namespace twinpath {

using std::chrono::steady_clock;

Heartbeat::Heartbeat(SettingsWriter& settings, TickClock& clock,
                     std::function<std::optional<std::uint32_t>()> kernel_tick, HeartbeatTimes times)
    : settings_(settings),
      clock_(clock),
      kernel_tick_(std::move(kernel_tick)),
      times_(times),
      sign_(steady_clock::now()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Heartbeat::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    calibrate_each_second();
    if (!control_silent()) settings_.set_heartbeat(clock_.now());
    ended_.wait_for(lock, stop, times_.period, [] { return false; });
  }
}

void Heartbeat::calibrate_each_second() {
  const auto now = steady_clock::now();
  if (now - calibrated_ < std::chrono::seconds{1}) return;
  calibrated_ = now;
  if (const auto tick = kernel_tick_()) clock_.calibrate(*tick);
}

bool Heartbeat::control_silent() const {
  return steady_clock::now() - sign_.load(std::memory_order_relaxed) > times_.silence_limit;
}

}  // namespace twinpath
