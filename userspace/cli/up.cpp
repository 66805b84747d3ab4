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

// What the daemon is told, and the document where it cannot read the file again.
struct Order {
  std::vector<std::string> arguments;
  UniqueFd input;
  std::string name;
  bool asks_confirmation = false;
};

Result<Order> order_for(const Global& global, const UpOptions& options, const Document& document) {
  Order order;
  std::error_code ignored;
  std::string file = std::filesystem::absolute(options.file, ignored).string();
  if (!document.reread) {
    Result<UniqueFd> copy = memory_file(document.config.source);
    if (!copy) return pass_on(copy.error());
    order.input = std::move(*copy);
    file = "/dev/stdin";
  }
  order.arguments = {"--config", file};
  if (global.name) order.arguments.insert(order.arguments.end(), {"--name", *global.name});
  if (!global.netns.empty()) order.arguments.insert(order.arguments.end(), {"--netns", global.netns});
  if (options.confirm_within_s)
    order.arguments.insert(order.arguments.end(), {"--confirm-within", std::to_string(*options.confirm_within_s)});
  order.name = global.name.value_or(document.config.name);
  order.asks_confirmation = options.confirm_within_s.value_or(document.config.safety.confirm_s) > 0;
  return order;
}

Status make_run_folder() {
  if (::mkdir(kRunFolder, 0755) != 0 && errno != EEXIST) return fail(errno, "make {}", kRunFolder);
  return {};
}

Outcome up_in_background(const Global& global, const std::string& program, Order order) {
  if (Status folder = make_run_folder(); !folder) return failed(folder.error());
  const std::string log = log_path(order.name);
  order.arguments.insert(order.arguments.end(), {"--ready-fd", std::to_string(ready_fd), "--log", log});
  const Result<SignalFd> interrupts = SignalFd::open({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
  if (!interrupts) return failed(interrupts.error());
  Result<BackgroundDaemon> daemon = BackgroundDaemon::start(program, order.arguments, log, order.input.get());
  if (!daemon) return failed(daemon.error());
  if (Status ready = daemon->wait_until_ready(order.name, start_timeout, *interrupts); !ready)
    return failed(ready.error());
  const json waiting = order.asks_confirmation ? find_waiting(global, order.name) : json();
  json answer = {{"name", order.name}, {"pid", daemon->pid()}};
  if (!waiting.is_null()) answer["confirm"] = waiting;
  if (global.json) return say_json(answer);
  return say(fmt::format("{}: up, pid {}\n{}", order.name, daemon->pid(), waiting_text(order.name, waiting)));
}

}  // namespace

Outcome up(const Global& global, const UpOptions& options) {
  const auto document = load_document(options.file);
  if (!document) return failed(document.error());
  if (::geteuid() != 0)
    return failed(refuse("up needs root: XDP programs and AF_XDP sockets are made by root alone; try sudo").value());
  const Result<std::string> program = find_daemon();
  if (!program) return failed(program.error());
  Result<Order> order = order_for(global, options, *document);
  if (!order) return failed(order.error());
  if (options.foreground) return failed(exec_daemon(*program, order->arguments, order->input.get()));
  return up_in_background(global, *program, std::move(*order));
}

}  // namespace twinpath::cli
