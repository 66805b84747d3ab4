#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cli/commands.hpp"
#include "cli/confirm.hpp"
#include "cli/daemon_process.hpp"
#include "cli/document.hpp"
#include "cli/format.hpp"
#include "cli/output.hpp"

namespace twinpath::cli {
namespace {

// Loading and verifying the programs takes seconds on a slow machine.
constexpr std::chrono::seconds start_timeout{120};

std::vector<std::string> arguments_for(const Global& global, const UpOptions& options) {
  std::error_code ignored;
  std::vector<std::string> arguments{"--config", std::filesystem::absolute(options.file, ignored).string()};
  if (global.name) arguments.insert(arguments.end(), {"--name", *global.name});
  if (!global.netns.empty()) arguments.insert(arguments.end(), {"--netns", global.netns});
  if (options.confirm_within_s)
    arguments.insert(arguments.end(), {"--confirm-within", std::to_string(*options.confirm_within_s)});
  return arguments;
}

Status make_run_folder() {
  if (::mkdir(kRunFolder, 0755) != 0 && errno != EEXIST) return fail(errno, "make {}", kRunFolder);
  return {};
}

int up_in_background(const Global& global, const std::string& program, std::vector<std::string> arguments,
                     const std::string& name, bool asks_confirmation) {
  if (Status folder = make_run_folder(); !folder) return failed(folder.error());
  arguments.insert(arguments.end(), {"--ready-fd", std::to_string(ready_fd), "--log", log_path(name)});
  const Result<SignalFd> interrupts = SignalFd::open({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
  if (!interrupts) return failed(interrupts.error());
  Result<BackgroundDaemon> daemon = BackgroundDaemon::start(program, arguments, log_path(name));
  if (!daemon) return failed(daemon.error());
  if (Status ready = daemon->wait_until_ready(name, start_timeout, *interrupts); !ready) return failed(ready.error());
  const json waiting = asks_confirmation ? find_waiting(global, name) : json();
  json answer = {{"name", name}, {"pid", daemon->pid()}};
  if (!waiting.is_null()) answer["confirm"] = waiting;
  if (global.json)
    say_json(answer);
  else
    say(fmt::format("{}: up, pid {}\n{}", name, daemon->pid(), waiting_text(name, waiting)));
  return exit_done;
}

}  // namespace

int up(const Global& global, const UpOptions& options) {
  if (global.name)
    if (Status good = check_name(*global.name); !good) return failed(good.error());
  const std::optional<Config> config = load_document(options.file);
  if (!config) return exit_failed;
  if (::geteuid() != 0)
    return failed("up needs root: XDP programs and AF_XDP sockets are made by root alone; try sudo");
  const Result<std::string> program = find_daemon();
  if (!program) return failed(program.error());
  std::vector<std::string> arguments = arguments_for(global, options);
  if (options.foreground) return failed(exec_daemon(*program, arguments));
  const bool asks_confirmation = options.confirm_within_s.value_or(config->safety.confirm_s) > 0;
  return up_in_background(global, *program, std::move(arguments), global.name.value_or(config->name),
                          asks_confirmation);
}

}  // namespace twinpath::cli
