#include "cli/daemon_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/log_file.hpp"
#include "cli/output.hpp"

namespace twinpath::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::string_view daemon_name = "twinpathd";
constexpr std::size_t line_bytes_max = 4096;
// To load and verify programs, which nothing interrupts, and to undo.
constexpr std::chrono::seconds interrupt_timeout{120};

std::uint64_t ms_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
}

std::string own_folder() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
  const std::string_view whole(path, length > 0 ? static_cast<std::size_t>(length) : 0);
  return std::string(whole.substr(0, whole.rfind('/') == whole.npos ? 0 : whole.rfind('/')));
}

void exec(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
}

int wait_for_exit(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

// True when it ended within the time; its status is then in `status`.
bool ends_within(pid_t pid, std::chrono::milliseconds timeout, int& status) {
  const auto start = Clock::now();
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (Clock::now() - start > timeout) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

// SIGTERM, and SIGKILL when the process does not end by it.
int end_process(pid_t pid) {
  int status = 0;
  if (ends_within(pid, 2s, status)) return status;
  ::kill(pid, SIGTERM);
  if (ends_within(pid, 5s, status)) return status;
  ::kill(pid, SIGKILL);
  return wait_for_exit(pid);
}

std::string how_ended(int status) {
  return WIFSIGNALED(status) ? fmt::format("was killed by signal {}", WTERMSIG(status))
                             : fmt::format("exited with status {}", WEXITSTATUS(status));
}

std::string read_to_end(int file) {
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(file, piece, sizeof(piece))) != 0;) {
    if (got > 0)
      text.append(piece, static_cast<std::size_t>(got));
    else if (errno != EINTR)
      break;
  }
  return text;
}

// The last line, without the daemon's name before it; those above it go to standard error.
std::string last_complaint(std::string_view complaints, std::string_view how) {
  while (complaints.ends_with('\n')) complaints.remove_suffix(1);
  const std::size_t start = complaints.rfind('\n') + 1;  // npos + 1 is 0
  std::fwrite(complaints.data(), 1, start, stderr);
  std::string_view last = complaints.substr(start);
  if (last.empty()) return fmt::format("{} {}", daemon_name, how);
  const std::string prefix = fmt::format("{}: ", daemon_name);
  if (last.starts_with(prefix)) last.remove_prefix(prefix.size());
  return std::string(last);
}

// The parent reads it from the pipe that is this process's standard error.
[[noreturn]] void failed_in_child(const std::string& line) {
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) ::_exit(126);
  ::_exit(127);
}

std::string last_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::string last;
  while (std::getline(file, line))
    if (!line.empty()) last = line;
  return last;
}

// Runs in the child: standard streams, the pipe at its number, then the daemon. Never returns.
[[noreturn]] void become_daemon(const std::string& program, const std::vector<std::string>& arguments, int input,
                                int log, int pipe) {
  ::setsid();
  reset_signals();
  if (input < 0) input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // When the descriptor has this number already, dup2 does nothing and leaves it close-on-exec.
  if (pipe == ready_fd) ::fcntl(pipe, F_SETFD, 0);
  const bool ready = ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(log, STDOUT_FILENO) >= 0 &&
                     ::dup2(log, STDERR_FILENO) >= 0 && ::dup2(pipe, ready_fd) >= 0;
  if (ready) exec(program, arguments);
  const std::string line = fmt::format("run {}: {}\n", program, std::strerror(errno));
  if (::write(pipe, line.data(), line.size()) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

Result<std::string> find_daemon() {
  std::string folders = own_folder();
  if (const char* path = std::getenv("PATH")) folders += std::string(":") + path;
  for (std::size_t start = 0; start <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', start), folders.size());
    const std::string program = fmt::format("{}/{}", folders.substr(start, end - start), daemon_name);
    if (end > start && ::access(program.c_str(), X_OK) == 0) return program;
    start = end + 1;
  }
  return refuse("{} is neither beside this program nor in PATH", daemon_name);
}

Error exec_daemon(const std::string& program, const std::vector<std::string>& arguments, int input) {
  if (input >= 0 && ::dup2(input, STDIN_FILENO) < 0) return fail(errno, "hand the document to {}", program).value();
  exec(program, arguments);
  return fail(errno, "run {}", program).value();
}

Status run_daemon(const std::string& program, const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno, "make a pipe");
  const UniqueFd ours{ends[0]};
  UniqueFd theirs{ends[1]};
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno, "fork");
  if (pid == 0) {
    ::dup2(theirs.get(), STDERR_FILENO);
    exec(program, arguments);
    failed_in_child(fail(errno, "run {}", program).value().text);
  }
  theirs.reset();
  const std::string complaints = read_to_end(ours.get());
  const int status = wait_for_exit(pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    std::fputs(complaints.c_str(), stderr);
    return {};
  }
  return refuse("{}", last_complaint(complaints, how_ended(status)));
}

Result<BackgroundDaemon> BackgroundDaemon::start(const std::string& program, const std::vector<std::string>& arguments,
                                                 const std::string& log, int input) {
  const auto log_file = open_log_file(log);
  if (!log_file) return pass_on(log_file.error());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno, "make a pipe");
  UniqueFd ours{ends[0]};
  const UniqueFd theirs{ends[1]};
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno, "fork");
  if (pid == 0) become_daemon(program, arguments, input, log_file->get(), theirs.get());
  return BackgroundDaemon{pid, std::move(ours), log};
}

Result<std::string> BackgroundDaemon::read_line(const std::string& name, std::chrono::seconds timeout,
                                                const SignalFd* interrupts) {
  Progress progress((interrupts != nullptr ? "starting " : "stopping ") + name);
  const auto start = Clock::now();
  std::string line;
  while (line.find('\n') == line.npos && line.size() < line_bytes_max) {
    pollfd polled[]{{ready_.get(), POLLIN, 0}, {interrupts != nullptr ? interrupts->fd() : -1, POLLIN, 0}};
    ::poll(polled, 2, 200);
    progress.tick(ms_since(start));
    if (Clock::now() - start > timeout) return refuse("not ready after {} s; see {}", timeout.count(), log_);
    if (polled[0].revents == 0 && polled[1].revents != 0)
      if (const auto signal = interrupts->take()) return refuse("{}", interrupt(name, *signal));
    if (polled[0].revents == 0) continue;
    char piece[512];
    const ssize_t got = ::read(ready_.get(), piece, sizeof(piece));
    if (got <= 0) break;
    line.append(piece, static_cast<std::size_t>(got));
  }
  return line.substr(0, line.find('\n'));
}

// The daemon undoes what it has begun, which it says instead of "ready".
std::string BackgroundDaemon::interrupt(const std::string& name, int signal) {
  ::kill(pid_, SIGTERM);
  const Result<std::string> line = read_line(name, interrupt_timeout, nullptr);
  const int status = end_process(pid_);
  const std::string by = fmt::format("interrupted by {}", signal_name(signal));
  if (line && *line == "ready")
    return fmt::format("{}: {} worked already, and its daemon has ended as by SIGTERM: safety.on_exit says what stays",
                       by, name);
  if (line && !line->empty()) return fmt::format("{}; {} is taken down: {}", by, name, *line);
  if (!line)
    return fmt::format("{}, but {} did not end and was killed; \"twinpath -n {} down\" undoes what it left", by, name,
                       name);
  return fmt::format("{}; the daemon of {} has ended{}", by, name,
                     WIFSIGNALED(status) ? " before it changed anything" : "");
}

std::string BackgroundDaemon::ending() {
  const int status = end_process(pid_);
  const std::string last = last_line_of(log_);
  return fmt::format("{} {} before it was ready; see {}{}{}", daemon_name, how_ended(status), log_,
                     last.empty() ? "" : ": ", last);
}

Status BackgroundDaemon::wait_until_ready(const std::string& name, std::chrono::seconds timeout,
                                          const SignalFd& interrupts) {
  const Result<std::string> line = read_line(name, timeout, &interrupts);
  if (line && *line == "ready") return {};
  if (line && line->empty()) return refuse("{}", ending());
  end_process(pid_);
  if (!line) return pass_on(line.error());
  return refuse("{}", *line);
}

}  // namespace twinpath::cli
