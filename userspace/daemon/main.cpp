// twinpathd - runs one gateway. Started by `twinpath up`; see `twinpath --help` for what users type.
//
//   twinpathd --config FILE [--name NAME] [--netns NAME] [--confirm-within S] [--ready-fd N]
//   twinpathd --clean --name NAME [--netns NAME]
//
// Readiness  "ready\n" on the given fd, or one line that says why not. Exit status 0 done, 1 failed, 2 usage.

#include <fcntl.h>
#include <sched.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/document.hpp"
#include "control/life/clean_up.hpp"
#include "control/life/control.hpp"
#include "control/life/instance_lock.hpp"
#include "kernel/host.hpp"
#include "rest/server.hpp"

namespace twinpath {
namespace {

struct Options {
  std::string config;
  std::string name;
  std::string netns;
  std::optional<std::uint32_t> confirm_within_s;
  int ready_fd = -1;
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
  auto config = parse_config(text, options.name);
  if (!config) {
    std::string lines;
    for (const Fault& fault : config.error())
      lines += fmt::format("{}{}: {}", lines.empty() ? "" : "\n", options.config, fault.line());
    return refuse("{}", lines);
  }
  return std::move(*config);
}

Result<std::string> read_token(const std::string& path) {
  if (path.empty()) return std::string{};
  std::ifstream file(path);
  std::string token;
  if (!file || !(file >> token)) return refuse("api.token_file: no token in {}", path);
  return token;
}

void tell(int ready_fd, const std::string& line) {
  if (ready_fd < 0) return;
  const std::string text = line + "\n";
  [[maybe_unused]] const auto written = ::write(ready_fd, text.data(), text.size());
  ::close(ready_fd);
}

// From start to end; what of it stays on the host is in the journal.
Status run_gateway(const Options& options, const Config& config) {
  auto token = read_token(config.api.token_file);
  if (!token) return pass_on(std::move(token.error()));

  boost::asio::io_context io{1};
  // Before anything is touched: an early signal waits until what was begun can be ended in order.
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) io.stop();
  });
  ControlOptions control_options;
  control_options.netns = options.netns;
  control_options.named = !options.name.empty();
  control_options.confirm_within_s = options.confirm_within_s;
  control_options.complain = [](const std::string& line) { spdlog::warn("{}", line); };
  control_options.note = [](const std::string& line) { spdlog::info("{}", line); };
  auto control = Control::start(io, config, std::move(control_options));
  if (!control) return pass_on(std::move(control.error()));
  rest::ServerOptions server_options;
  server_options.unix_path = config.api.unix_path;
  if (config.api.http) server_options.http = to_string(*config.api.http);
  server_options.token = *token;
  auto server = rest::Server::open(io, **control, server_options);
  if (!server) {
    (*control)->abort_start();
    return pass_on(std::move(server.error()));
  }
  spdlog::info("{} is up", config.name);
  tell(options.ready_fd, "ready");
  io.run();
  server->reset();
  (*control)->stop();
  return {};
}

Status serve(const Options& options) {
  if (auto host = check_host(); !host) return host;
  auto config = read_config(options);
  if (!config) return pass_on(std::move(config.error()));
  if (auto entered = enter_netns(options.netns); !entered) return entered;
  auto lock = InstanceLock::take(config->name);
  if (!lock) return pass_on(std::move(lock.error()));
  Status ran = run_gateway(options, *config);
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
Status guarded(const Options& options) {
  try {
    return options.clean ? clean(options) : serve(options);
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
  ::signal(SIGPIPE, SIG_IGN);  // whoever waited for "ready" may have gone
  spdlog::set_default_logger(spdlog::stderr_logger_mt("twinpathd"));
  const Status status = guarded(options);
  if (status) return 0;
  tell(options.ready_fd, status.error().text);
  if (options.ready_fd < 0) fmt::print(stderr, "twinpathd: {}\n", status.error().text);
  return 1;
}

}  // namespace
}  // namespace twinpath

int main(int argc, char** argv) { return twinpath::run(argc, argv); }
