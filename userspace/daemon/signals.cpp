#include "daemon/signals.hpp"

namespace twinpath {
namespace {

void ignore_what_means_nothing() {
  for (const int signal : {SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXFSZ, SIGSTKFLT})
    ::signal(signal, SIG_IGN);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) ::signal(signal, SIG_IGN);
}

}  // namespace

Result<std::unique_ptr<Signals>> Signals::take(boost::asio::io_context& io, std::function<void()> reopen_log) {
  ignore_what_means_nothing();
  auto signals = SignalFd::open({SIGTERM, SIGINT, SIGQUIT, SIGHUP});
  if (!signals) return pass_on(std::move(signals.error()));
  return std::unique_ptr<Signals>(new Signals(io, std::move(*signals), std::move(reopen_log)));
}

Signals::Signals(boost::asio::io_context& io, SignalFd signals, std::function<void()> reopen_log)
    : signals_(std::move(signals)), readable_(io, signals_.fd()), reopen_log_(std::move(reopen_log)) {}

// The descriptor is borrowed.
Signals::~Signals() { readable_.release(); }

std::optional<int> Signals::end_asked() {
  while (const auto signal = signals_.take()) {
    if (*signal == SIGHUP && reopen_log_)
      reopen_log_();
    else if (!end_)
      end_ = signal;
  }
  return end_;
}

void Signals::watch(std::function<void(int)> on_end) {
  if (const auto signal = end_asked()) return on_end(*signal);
  wait(std::move(on_end));
}

void Signals::wait(std::function<void(int)> on_end) {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this, on_end = std::move(on_end)](const boost::system::error_code& error) mutable {
                         if (!error) watch(std::move(on_end));
                       });
}

}  // namespace twinpath
