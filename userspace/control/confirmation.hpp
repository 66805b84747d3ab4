// confirmation.hpp - a configuration on trial: in force, and undone unless somebody confirms it in time.
//
// Trial    one at a time. It ends by end(), or when its time is up: then `late` is called, once, and nothing waits any more.
// Clock    steady: setting the host's time makes a trial neither shorter nor longer.
// Owner    what is put back lies here; undoing is the caller's. Where it ends with a process, see control_trial.cpp.
// Thread   the io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "policy/config.hpp"

namespace twinpath {

struct Trial {
  std::chrono::milliseconds within{0};
  std::optional<Config> before;  // to be put back; absent: the whole gateway goes
};

class Confirmation {
 public:
  Confirmation(boost::asio::io_context& io, std::function<void(Trial)> late);

  // Nothing may wait already.
  void begin(Trial trial);
  // The trial that waited, which is over now; absent: none did.
  [[nodiscard]] std::optional<Trial> end();

  [[nodiscard]] bool waiting() const { return trial_.has_value(); }
  // Rounded up; 0 when nothing waits.
  [[nodiscard]] std::uint32_t seconds_left() const;
  // {"waiting": false}, or {"waiting": true, "seconds_left": N, "undo": "down" | "put_back"}.
  [[nodiscard]] nlohmann::json report() const;

 private:
  boost::asio::steady_timer timer_;
  std::function<void(Trial)> late_;
  std::optional<Trial> trial_;
  std::uint64_t round_ = 0;  // of trials: a timer that had run out when its trial ended must not end the next one
};

}  // namespace twinpath
