// confirmation.hpp - the change that waits to be confirmed: its time limit, and the configuration that undoing it
// restores.
//
// Limit    One change at a time. It stops waiting by end(), or when its time is up: then `on_timeout` is called once
//          with it.
// Clock    Steady: setting the host's time makes the limit neither shorter nor longer.
// Owner    CommitConfirm, which undoes the change. This object keeps the previous configuration until then.
// Thread   The io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "config/config.hpp"

namespace twinpath {

struct PendingChange {
  std::chrono::milliseconds within{0};
  std::optional<Config> before;  // the configuration to restore; absent: undoing the change is `down`
};

class Confirmation {
 public:
  Confirmation(boost::asio::io_context& io, std::function<void(PendingChange)> on_timeout);

  // Precondition: no change waits.
  void begin(PendingChange change);
  // Stops waiting and returns the change that waited; absent: none did.
  [[nodiscard]] std::optional<PendingChange> end();

  [[nodiscard]] bool waiting() const { return pending_.has_value(); }
  // Rounded up; 0 when no change waits.
  [[nodiscard]] std::uint32_t seconds_left() const;
  // The change that waits; absent: none does.
  [[nodiscard]] const std::optional<PendingChange>& pending() const { return pending_; }

 private:
  boost::asio::steady_timer timer_;
  std::function<void(PendingChange)> on_timeout_;
  std::optional<PendingChange> pending_;
  std::uint64_t begin_count_ = 0;  // tells a timeout that was queued before end() from one of the next change
};

}  // namespace twinpath
