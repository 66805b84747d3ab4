#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>

#include "base/flow_names.hpp"
#include "base/protocol.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "config/config.hpp"

namespace twinpath::cli {
namespace {

// The values of the command line, and the command that it names.
struct CommandLine {
  Global global;
  CheckOptions check;
  UpOptions up;
  ReloadOptions reload;
  DropsOptions drops;
  PoliciesOptions policies;
  std::function<int()> command;
  bool changes = false;  // the gateway
};

template <class Command>
CLI::App* add_command(CLI::App& app, CommandLine& line, const char* name, const char* help, Command command,
                      bool changes = false) {
  CLI::App* sub = app.add_subcommand(name, help);
  sub->fallthrough();  // the options of every command may stand after its name
  sub->callback([&line, command, changes] {
    line.command = command;
    line.changes = changes;
  });
  return sub;
}

template <class Command>
CLI::App* add_change(CLI::App& app, CommandLine& line, const char* name, const char* help, Command command) {
  return add_command(app, line, name, help, std::move(command), true);
}

void add_file(CLI::App* sub, std::string& file) {
  sub->add_option("-c,--config", file, "configuration file")->required()->type_name("FILE");
}

void add_global(CLI::App& app, Global& global) {
  app.add_option("-n,--name", global.name, "which gateway; needed when several run")->type_name("NAME");
  app.add_option("--netns", global.netns, "network namespace the gateway runs in")->type_name("NAME");
  app.add_option("--socket", global.socket, "the daemon's unix socket")->type_name("PATH");
  app.add_flag("--json", global.json, "answer in JSON");
}

void add_lifecycle(CLI::App& app, CommandLine& line) {
  CLI::App* up_app = add_change(app, line, "up", "start a gateway", [&line] { return up(line.global, line.up); });
  add_file(up_app, line.up.file);
  up_app->add_flag("--foreground", line.up.foreground, "stay, and log to standard error");
  up_app->add_option("--confirm-within", line.up.confirm_within_s, "undo everything unless confirmed in time; 0: off")
      ->type_name("SECONDS")
      ->check(CLI::Range(0U, kConfirmMax_s));
  add_change(app, line, "down", "stop a gateway and take away its programs", [&line] { return down(line.global); });
}

void add_configuration(CLI::App& app, CommandLine& line) {
  add_file(add_command(app, line, "check", "check a configuration file; needs no privilege",
                       [&line] { return check(line.global, line.check); }),
           line.check.file);
  CLI::App* reload_app = add_change(app, line, "reload", "replace the configuration of a running gateway",
                                    [&line] { return reload(line.global, line.reload); });
  add_file(reload_app, line.reload.file);
  reload_app->add_flag("--dry-run", line.reload.dry_run, "only say what would change");
  add_change(app, line, "confirm", "keep a configuration that waits to be confirmed",
             [&line] { return confirm(line.global); });
}

void add_views(CLI::App& app, CommandLine& line) {
  add_command(app, line, "status", "the gateway at a glance", [&line] { return status(line.global); });
  add_command(app, line, "ports", "packets of each port", [&line] { return ports(line.global); });
  add_command(app, line, "zones", "zones and their defaults", [&line] { return zones(line.global); });
  add_command(app, line, "rules", "rules and their hits", [&line] { return rules(line.global); });
  CLI::App* drops_app =
      add_command(app, line, "drops", "dropped packets by reason", [&line] { return drops(line.global, line.drops); });
  drops_app->add_flag("--watch", line.drops.watch, "go on, with the packets of each second");
  drops_app->add_flag("--steered", line.drops.steered, "show the packets that were sent to the engine too");
}

template <class Table>
std::vector<std::string> list_of(const Table& table) {
  std::vector<std::string> words;
  for (const auto& choice : table) words.emplace_back(choice.word);
  return words;
}

void add_policies(CLI::App& app, CommandLine& line) {
  CLI::App* sub = add_command(app, line, "policies", "the flow policy table",
                              [&line] { return policies(line.global, line.policies); });
  PoliciesOptions& options = line.policies;
  sub->add_option("--zone", options.zone, "zone of the first packet")->type_name("ZONE");
  sub->add_option("--source", options.source, "source address")->type_name("PREFIX");
  sub->add_option("--destination", options.destination, "destination address")->type_name("PREFIX");
  sub->add_option("--protocol", options.protocol, words_of(kProtocols) + " or a number")->type_name("PROTOCOL");
  sub->add_option("--port", options.port, "source or destination port")->type_name("PORT")->check(CLI::Range(0, 65535));
  sub->add_option("--state", options.state)->check(CLI::IsMember(list_of(kFlowStates)));
  sub->add_option("--origin", options.origin)->check(CLI::IsMember(list_of(kFlowOrigins)));
  sub->add_option("--limit", options.limit, "at most so many pairs; all unless given")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

}  // namespace

int run(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app{"twinpath: a stateful gateway on this host's own ports", "twinpath"};
  app.set_version_flag("--version", std::string("twinpath ") + TWINPATH_VERSION);
  app.require_subcommand(1);
  add_global(app, line.global);
  add_lifecycle(app, line);
  add_configuration(app, line);
  add_views(app, line);
  add_policies(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return finish(app.exit(error) == 0 ? exit_done : exit_usage, false);
  }
  if (Status there = check_netns(line.global); !there) return failed(there.error());
  return finish(line.command(), line.changes);
}

}  // namespace twinpath::cli
