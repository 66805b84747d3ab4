#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/bpffs.hpp"
#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/daemon_process.hpp"
#include "cli/output.hpp"

namespace twinpath::cli {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds stop_timeout{60};
constexpr int look_every_ms = 200;

// A descriptor of the process stays its own when the number is used again. No glibc before 2.36 has a wrapper.
UniqueFd open_process(int pid) { return UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}; }

// Where the process is in another PID namespace, its socket tells: nobody listens once it has ended.
bool still_listens(const std::string& socket) {
  rest::Client probe(socket);
  const Result<int> pid = probe.peer_pid();
  return pid.has_value() || !nobody_listens(pid.error());
}

bool is_gone(const UniqueFd& process, const std::string& socket) {
  pollfd poll{process.get(), POLLIN, 0};
  if (process) return ::poll(&poll, 1, look_every_ms) > 0;
  std::this_thread::sleep_for(std::chrono::milliseconds(look_every_ms));
  return !still_listens(socket);
}

Status wait_until_gone(const UniqueFd& process, const Instance& instance) {
  Progress progress("stopping " + instance.name);
  const auto start = Clock::now();
  while (!is_gone(process, instance.socket)) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    if (waited > stop_timeout) return refuse("{} still runs after {} s", instance.name, stop_timeout.count());
    progress.tick(static_cast<std::uint64_t>(waited.count()));
  }
  return {};
}

Outcome say_down(const Global& global, const std::string& name, std::string_view how) {
  return global.json ? say_json({{"name", name}, {"state", "down"}}) : say(fmt::format("{}: {}\n", name, how));
}

// No daemon runs: twinpathd --clean removes what it left.
Outcome clean(const Global& global, const std::string& name) {
  const Result<std::string> program = find_daemon();
  if (!program) return failed(program.error());
  const bool left = what_is_left(name) != Left::nothing;
  std::vector<std::string> arguments{"--name", name, "--clean"};
  if (!global.netns.empty()) arguments.insert(arguments.end(), {"--netns", global.netns});
  if (Status cleaned = run_daemon(*program, arguments); !cleaned) return failed(cleaned.error());
  return say_down(global, name,
                  left ? "down; no daemon was running, what it had left is gone" : "down already; nothing was left");
}

Outcome ask_to_end(const Global& global, Api& api, const UniqueFd& process) {
  if (const Result<json> begun = api.send("POST", "/v1/shutdown?detach=1"); !begun) return failed(begun.error());
  if (Status gone = wait_until_gone(process, api.instance()); !gone) return failed(gone.error());
  return say_down(global, api.instance().name, "down");
}

}  // namespace

Outcome down(const Global& global) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<int> pid = api.client().peer_pid();
  if (!pid && nobody_listens(pid.error())) return clean(global, api.instance().name);
  if (!pid) return failed(pid.error());
  return ask_to_end(global, api, open_process(*pid));
}

}  // namespace twinpath::cli
