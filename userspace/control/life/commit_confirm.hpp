// commit_confirm.hpp - a configuration that is undone unless it is confirmed in time (safety.confirm_s, --confirm-within).
//
// Rollback  An unconfirmed reload is undone by a reload of the previous configuration. An unconfirmed start is undone
//           as by `down`; except when it adopted a datapath whose configuration was confirmed and a reload can return
//           to that one: then that configuration is restored.
// Process   A daemon that ends in order undoes an unconfirmed change before it ends. After a kill -9 the kernel
//           continues with the configuration in force. The journal has only the confirmed one, so the next start with
//           another configuration waits to be confirmed again.
// Thread    The io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "control/life/confirmation.hpp"
#include "control/life/running.hpp"
#include "telemetry/snapshot.hpp"

namespace twinpath {

class CommitConfirm {
 public:
  // What it asks of the gateway.
  struct Gateway {
    std::function<Status(Config)> restore;  // puts an earlier configuration in force
    std::function<void()> take_down;        // ends the gateway as `down` does
    std::function<void()> save_journal;
    std::function<std::uint32_t()> generation;         // in force
    std::function<void(const std::string&)> complain;  // one line: a configuration was undone
    std::function<void(const std::string&)> note;      // one line: a configuration waits, or is confirmed
  };
  CommitConfirm(boost::asio::io_context& io, Running& running, Gateway gateway);

  // After a start: within `within_s` of the command line, else within safety.confirm_s. A configuration that was
  // confirmed already does not wait again unless the command line says so: a service manager that restarts a crashed
  // daemon cannot confirm it.
  void await_start(std::optional<std::uint32_t> within_s);
  // After a reload: within safety.confirm_s.
  void await_reload(Config before);
  // The generation that is confirmed; absent: nothing waits.
  [[nodiscard]] std::optional<std::uint32_t> confirm();
  // Stops waiting; nothing is undone and nothing counts as confirmed.
  void abandon() { (void)confirmation_.end(); }
  // The daemon ends: what waits is undone now.
  void end();

  [[nodiscard]] bool waiting() const { return confirmation_.waiting(); }
  [[nodiscard]] ConfirmSnapshot snapshot() const;

 private:
  [[nodiscard]] std::optional<Config> confirmed_before() const;
  void await(std::uint32_t within_s, std::optional<Config> before);
  void keep();
  void timed_out(PendingChange change);
  void undo(PendingChange change, const std::string& why);

  Running& running_;
  Gateway gateway_;
  Confirmation confirmation_;
};

}  // namespace twinpath
