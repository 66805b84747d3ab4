// signal_fd.hpp - signals that are read from a descriptor: they interrupt nothing, and wait until somebody asks.
//
// Blocked  for the thread that opens it and those that it starts afterwards. The destructor restores the former mask.
// Ignored  A signal that the process was started with as ignored (nohup, a background job of a script) stays so.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath {

class SignalFd {
 public:
  [[nodiscard]] static Result<SignalFd> open(std::initializer_list<int> signals);
  SignalFd(SignalFd&&) noexcept = default;
  SignalFd& operator=(SignalFd&&) = delete;
  ~SignalFd();

  // Readable as long as a signal waits.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // The next signal that waits; absent: none does.
  [[nodiscard]] std::optional<int> take() const;

 private:
  SignalFd(UniqueFd fd, const sigset_t& before) : fd_(std::move(fd)), before_(before) {}

  UniqueFd fd_;
  sigset_t before_;
};

// No signal is blocked, and all do what they do in a new process. For a child that becomes a daemon.
void reset_signals();

// "SIGTERM".
[[nodiscard]] std::string signal_name(int signal);

}  // namespace twinpath
