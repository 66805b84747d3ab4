// daemon_process.hpp - twinpathd as a child: found, started, waited for.
//
// Contract  twinpathd writes "ready\n" to its --ready-fd once the gateway works; or one line that says why not, and
//           exits.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/signal_fd.hpp"

namespace twinpath::cli {

// The number under which a daemon in the background finds its end of the pipe.
inline constexpr int ready_fd = 3;

// Beside the running program, else in PATH.
[[nodiscard]] Result<std::string> find_daemon();

// Becomes the daemon. Returns only when it could not. `input`, unless -1, becomes its standard input.
[[nodiscard]] Error exec_daemon(const std::string& program, const std::vector<std::string>& arguments, int input);

// Runs the daemon in the foreground to its end. What it complains about is passed on to standard error, but for the last
// line of one that fails: that is the Error.
[[nodiscard]] Status run_daemon(const std::string& program, const std::vector<std::string>& arguments);

// A daemon in its own session, with its output at the end of a log file, and with `input`, unless -1, as standard input.
class BackgroundDaemon {
 public:
  [[nodiscard]] static Result<BackgroundDaemon> start(const std::string& program,
                                                      const std::vector<std::string>& arguments, const std::string& log,
                                                      int input);

  // Until it is ready. An Error has the daemon's own line, or says how it ended; the process is then gone. A signal of
  // `interrupts` takes the daemon down again.
  [[nodiscard]] Status wait_until_ready(const std::string& name, std::chrono::seconds timeout,
                                        const SignalFd& interrupts);
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  BackgroundDaemon(pid_t pid, UniqueFd ready, std::string log)
      : pid_(pid), ready_(std::move(ready)), log_(std::move(log)) {}
  // One line without its newline; empty when the daemon closed its end and wrote nothing.
  [[nodiscard]] Result<std::string> read_line(const std::string& name, std::chrono::seconds timeout,
                                              const SignalFd* interrupts);
  [[nodiscard]] std::string ending();
  [[nodiscard]] std::string interrupt(const std::string& name, int signal);

  pid_t pid_;
  UniqueFd ready_;
  std::string log_;
};

}  // namespace twinpath::cli
