// twinpathd - runs one gateway. Started by `twinpath up`; see `twinpath --help` for what users type.
//
//   twinpathd --config FILE [--name NAME] [--netns NAME] [--confirm-within S] [--ready-fd N] [--log FILE]
//   twinpathd --clean --name NAME [--netns NAME]
//
// Readiness  "ready\n" on the given fd, or one line that says why not. Exit status 0 done, 1 failed, 2 usage.
// Log        on standard error; with --log, standard output and error are that file (log_sink.hpp).
// Signals    daemon/signals.hpp.

#include <fcntl.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/standard_streams.hpp"
#include "config/document.hpp"
#include "control/life/clean_up.hpp"
#include "control/life/control.hpp"
#include "control/life/instance_lock.hpp"
#include "daemon/log_sink.hpp"
#include "daemon/signals.hpp"
#include "kernel/host.hpp"
#include "rest/guard.hpp"
#include "rest/server.hpp"

namespace twinpath {
namespace {

struct Options {
  std::string config;
  std::string name;
  std::string netns;
  std::optional<std::uint32_t> confirm_within_s;
  int ready_fd = -1;
  std::string log;
  bool clean = false;
};

// Network namespace only, so that pins and files stay the host's.
Status enter_netns(const std::string& name) {
  if (name.empty()) return {};
  const std::string path = "/run/netns/" + name;
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return fail(errno, "network namespace {}", name);
  if (::setns(fd.get(), CLONE_NEWNET) != 0) return fail(errno, "enter network namespace {}", name);
  return {};
}

Result<Config> read_config(const Options& options) {
  std::ifstream file(options.config);
  if (!file) return fail(errno, "open {}", options.config);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto config = check_document(text, options.name);
  if (!config) {
    std::string lines;
    for (const Fault& fault : config.error())
      lines += fmt::format("{}{}: {}", lines.empty() ? "" : "\n", options.config, fault.line());
    return refuse("{}", lines);
  }
  return std::move(*config);
}

void tell(int ready_fd, const std::string& line) {
  if (ready_fd < 0) return;
  const std::string text = line + "\n";
  [[maybe_unused]] const auto written = ::write(ready_fd, text.data(), text.size());
  ::close(ready_fd);
}

ControlOptions control_options(const Options& options, Signals& signals) {
  ControlOptions control;
  control.netns = options.netns;
  control.named = !options.name.empty();
  control.confirm_within_s = options.confirm_within_s;
  control.interrupted = [&signals]() -> std::optional<std::string> {
    if (const auto signal = signals.end_asked()) return signal_name(*signal);
    return std::nullopt;
  };
  control.complain = [](const std::string& line) { spdlog::warn("{}", line); };
  control.note = [](const std::string& line) { spdlog::info("{}", line); };
  control.log_packet = [](std::chrono::system_clock::time_point at, const std::string& line) {
    spdlog::default_logger_raw()->log(at, spdlog::source_loc{}, spdlog::level::info, line);
  };
  return control;
}

rest::ServerOptions server_options(const Config& config, std::string token) {
  rest::ServerOptions server;
  server.unix_path = config.api.unix_path;
  if (config.api.http) server.http = to_string(*config.api.http);
  server.token = std::move(token);
  return server;
}

// From start to end; what of it stays on the host is in the journal.
Status run_gateway(const Options& options, const Config& config, boost::asio::io_context& io, Signals& signals) {
  auto token = rest::read_token(config.api.token_file);
  if (!token) return pass_on(std::move(token.error()).in(options.config + ": api.token_file"));
  auto control = Control::start(io, config, control_options(options, signals));
  if (!control) return pass_on(std::move(control.error()));
  auto server = rest::Server::open(io, **control, server_options(config, std::move(*token)));
  Status works = server ? (*control)->go_on() : pass_on(std::move(server.error()));
  if (!works) {
    (*control)->abort_start();
    return works;
  }
  spdlog::info("{} is up", config.name);
  tell(options.ready_fd, "ready");
  signals.watch([&io](int signal) {
    spdlog::info("{}: the daemon ends", signal_name(signal));
    io.stop();
  });
  io.run();
  server->reset();
  (*control)->stop();
  return {};
}

Status serve(const Options& options, LogSink& log) {
  boost::asio::io_context io{1};
  const auto reopen_log = [&log] {
    if (auto opened = log.reopen(); !opened) spdlog::warn("{}", opened.error().text);
  };
  auto signals = Signals::take(io, options.log.empty() ? std::function<void()>{} : reopen_log);
  if (!signals) return pass_on(std::move(signals.error()));
  if (auto host = check_host(); !host) return host;
  auto config = read_config(options);
  if (!config) return pass_on(std::move(config.error()));
  if (auto entered = enter_netns(options.netns); !entered) return entered;
  auto lock = InstanceLock::take(config->name);
  if (!lock) return pass_on(std::move(lock.error()));
  Status ran = run_gateway(options, *config, io, **signals);
  if (!std::filesystem::exists(journal_path(config->name))) lock->remove_file();
  return ran;
}

Status clean(const Options& options) {
  if (auto host = check_host(); !host) return host;
  if (auto entered = enter_netns(options.netns); !entered) return entered;
  auto lock = InstanceLock::take(options.name);
  if (!lock) return pass_on(std::move(lock.error()));
  auto cleaned = clean_up(options.name);
  lock->remove_file();
  return cleaned;
}

// What libraries throw ends here.
Status guarded(const Options& options, LogSink& log) {
  try {
    if (auto opened = log.reopen(); !opened) return opened;
    return options.clean ? clean(options) : serve(options, log);
  } catch (const std::exception& error) {
    return refuse("{}", error.what());
  }
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app{"twinpathd - runs one twinpath gateway; started by `twinpath up`"};
  app.add_option("--config", options.config, "configuration document");
  app.add_option("--name", options.name, "instance; replaces the document's name");
  app.add_option("--netns", options.netns, "network namespace to run in");
  app.add_option("--confirm-within", options.confirm_within_s, "seconds; replaces the document's safety.confirm_s")
      ->check(CLI::Range(0U, kConfirmMax_s));
  app.add_option("--ready-fd", options.ready_fd, "write \"ready\" or the error here");
  app.add_option("--log", options.log, "the file that standard output and error are; opened anew at SIGHUP");
  app.add_flag("--clean", options.clean, "undo what a dead daemon left");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.clean ? options.name.empty() : options.config.empty()) {
    fmt::print(stderr, "twinpathd: {} is required\n", options.clean ? "--name" : "--config");
    return 2;
  }
  const auto log = std::make_shared<LogSink>(options.log);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("twinpathd", log));
  const Status status = guarded(options, *log);
  if (status) return 0;
  tell(options.ready_fd, status.error().text);
  if (options.ready_fd < 0) fmt::print(stderr, "twinpathd: {}\n", status.error().text);
  return 1;
}

}  // namespace
}  // namespace twinpath

int main(int argc, char** argv) {
  twinpath::open_standard_streams();
  return twinpath::run(argc, argv);
}
