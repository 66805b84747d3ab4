// signals.hpp - what each signal does to the daemon.
//
//   TERM, INT, QUIT                 the daemon ends in order
//   HUP, with a log file            the log file is opened anew
//   HUP, without one                as TERM: the terminal is gone
//   USR1, USR2, PIPE, ALRM, …       nothing: signals whose default is to end the process, and that mean nothing here
//
// Start    A signal waits until end_asked() or watch(): what was begun is not interrupted, but can be ended in order.
// Thread   the io_context's. Made before another thread is.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/signal_fd.hpp"

namespace twinpath {

class Signals {
 public:
  // `reopen_log` absent: there is no log file.
  [[nodiscard]] static Result<std::unique_ptr<Signals>> take(boost::asio::io_context& io,
                                                             std::function<void()> reopen_log);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The signal that has asked the daemon to end; absent: none has. Does not wait.
  [[nodiscard]] std::optional<int> end_asked();
  // From here on `on_end` is called, once, when a signal asks the daemon to end.
  void watch(std::function<void(int signal)> on_end);

 private:
  Signals(boost::asio::io_context& io, SignalFd signals, std::function<void()> reopen_log);
  void wait(std::function<void(int)> on_end);

  SignalFd signals_;
  boost::asio::posix::stream_descriptor readable_;
  std::function<void()> reopen_log_;
  std::optional<int> end_;
};

}  // namespace twinpath
