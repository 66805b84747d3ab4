#include "base/signal_fd.hpp"

#include <sys/signalfd.h>

#include <cerrno>

namespace twinpath {
namespace {

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Result<SignalFd> SignalFd::open(std::initializer_list<int> signals) {
  sigset_t taken;
  sigset_t before;
  ::sigemptyset(&taken);
  for (const int signal : signals)
    if (!is_ignored(signal)) ::sigaddset(&taken, signal);
  UniqueFd fd{::signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC)};
  if (!fd) return fail(errno, "make a descriptor for signals");
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &taken, &before); error != 0) return fail(error, "block signals");
  return SignalFd{std::move(fd), before};
}

SignalFd::~SignalFd() {
  if (fd_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalFd::take() const {
  signalfd_siginfo arrived{};
  if (::read(fd_.get(), &arrived, sizeof(arrived)) != sizeof(arrived)) return std::nullopt;
  return static_cast<int>(arrived.ssi_signo);
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);  // the two that cannot be changed refuse
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace twinpath
