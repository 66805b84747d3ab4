// confirmation.hpp - a configuration on trial: in force, and undone unless somebody confirms it in time.
//
// Unconfirmed    one at a time. It ends by end(), or when its time is up: then `late` is called, once, and nothing waits any more.
// Clock    steady: setting the host's time makes a trial neither shorter nor longer.
// Owner    what is put back lies here; undoing is the caller's. Where it ends with a process, see control_commit_confirm.cpp.
// Thread   the io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/config.hpp"

namespace twinpath {

struct Unconfirmed {
  std::chrono::milliseconds within{0};
  std::optional<Config> before;  // to be put back; absent: the whole gateway goes
};

class Confirmation {
 public:
  Confirmation(boost::asio::io_context& io, std::function<void(Unconfirmed)> late);

  // Nothing may wait already.
  void begin(Unconfirmed trial);
  // The trial that waited, which is over now; absent: none did.
  [[nodiscard]] std::optional<Unconfirmed> end();

  [[nodiscard]] bool waiting() const { return trial_.has_value(); }
  // Rounded up; 0 when nothing waits.
  [[nodiscard]] std::uint32_t seconds_left() const;
  // {"waiting": false}, or {"waiting": true, "seconds_left": N, "undo": "down" | "rollback"}.
  [[nodiscard]] nlohmann::json report() const;

 private:
  boost::asio::steady_timer timer_;
  std::function<void(Unconfirmed)> late_;
  std::optional<Unconfirmed> trial_;
  std::uint64_t round_ = 0;  // of trials: a timer that had run out when its trial ended must not end the next one
};

}  // namespace twinpath
