#include "cli/commands.hpp"

#include "base/name.hpp"
#include "base/number.hpp"
#include "cli/syntax.hpp"
#include "config/config.hpp"
#include "rest/routes.hpp"

namespace twinpath::cli {
namespace {

using Taken = std::optional<std::string>;

constexpr std::size_t socket_path_max = 107;  // sun_path less its zero
constexpr std::size_t netns_name_max = 255;   // a file name
// More pairs than both families can have need no limit.
constexpr std::size_t limit_max = 2 * std::size_t{kPairsMax};

Taken must_be(std::string_view what) { return fmt::format("must be {}", what); }

template <class Number>
Taken take_whole(std::string_view value, Number low, Number high, std::optional<Number>& target) {
  target = parse_whole(value, low, high);
  return target ? std::nullopt : must_be(whole_number_text(low, high));
}

template <class Target>
Taken take_text(std::string_view value, bool good, std::string_view what, Target& target) {
  target = std::string(value);
  return good ? std::nullopt : must_be(what);
}

Taken take_netns(std::string_view value, std::string& target) {
  const bool good = !value.empty() && value.size() <= netns_name_max && value != "." && value != ".." &&
                    value.find('/') == value.npos;
  return take_text(value, good, "a name of `ip netns`, 1 to 255 bytes without /", target);
}

Option flag(std::string name, std::string help, std::function<void(CommandLine&)> set) {
  return {std::move(name), "", "", std::move(help), [set = std::move(set)](std::string_view, CommandLine& line) {
            set(line);
            return Taken{};
          }};
}

// -c of a command whose options have a member `file`.
template <class Options>
Option file_option(Options CommandLine::*options) {
  return {"--config",
          "-c",
          "FILE",
          "configuration document; - reads standard input",
          [options](std::string_view value, CommandLine& line) {
            return take_text(value, !value.empty(), "the path of a file, or -", (line.*options).file);
          },
          true};
}

std::string capitals(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

// The filters of the API, and how many pairs are wanted.
std::vector<Option> policies_options() {
  std::vector<Option> options;
  for (const rest::QueryKey& filter : rest::policy_filters())
    options.push_back({fmt::format("--{}", filter.name), "", capitals(filter.name),
                       fmt::format("{}: {}", filter.documentation, rest::allowed(filter.key)),
                       [filter](std::string_view value, CommandLine& line) {
                         line.policies.filters.emplace_back(filter.name, value);
                         return rest::value_fault(filter.key, value);
                       }});
  options.push_back({"--limit", "", "N", fmt::format("at most so many pairs, 1..{}; all unless given", limit_max),
                     [](std::string_view value, CommandLine& line) {
                       return take_whole(value, std::size_t{1}, limit_max, line.policies.limit);
                     }});
  return options;
}

std::vector<Option> up_options() {
  return {file_option(&CommandLine::up),
          flag("--foreground", "stay, and log to standard error", [](CommandLine& line) { line.up.foreground = true; }),
          {"--confirm-within", "", "SECONDS",
           fmt::format("undo everything unless confirmed in time, 0..{}; 0: off", kConfirmMax_s),
           [](std::string_view value, CommandLine& line) {
             return take_whole(value, 0U, kConfirmMax_s, line.up.confirm_within_s);
           }}};
}

constexpr std::string_view status_meaning =
    "FLOWS  half-open: the originator has not proved to be there; assured: it has; closing: TCP that both sides have\n"
    "       closed, or that was reset. FULL: new flows take the places of half-open or expired ones.\n"
    "frames  buffers of the engine by place: free; fill: given to the kernel for receiving, or just received; engine: "
    "being\n"
    "       worked on, or waiting for a neighbour; tx: given to the kernel for sending; completion: sent, not yet "
    "taken\n"
    "       back; application: none yet. Their sum is the total, or there is a defect.\n";

constexpr std::string_view policies_meaning =
    "STATE   half-open: the originator has not proved to be there; assured: it has; closing: TCP that both sides have\n"
    "        closed, or that was reset.\n"
    "BY      the datapath that installed the pair; the kernel may forward what the engine installed.\n"
    "FLOW    source > destination of the first packet. Of an ICMP query: \"echo id 8919\", the query and its "
    "identifier.\n"
    "SENT    packets and bytes of the first packet's direction; ANSWERED: of the other one.\n"
    "On a terminal, or when COLUMNS is set, columns are left out or cut where they do not fit; --json has all.\n";

std::vector<Command> make_commands() {
  return {
      {"up", "start a gateway", up_options(), "", [](const CommandLine& line) { return up(line.global, line.up); },
       true},
      {"down",
       "stop a gateway and take away its programs",
       {},
       "",
       [](const CommandLine& line) { return down(line.global); },
       true},
      {"check",
       "check a configuration document; needs no privilege",
       {file_option(&CommandLine::check)},
       "",
       [](const CommandLine& line) { return check(line.global, line.check); }},
      {"reload",
       "replace the configuration of a running gateway",
       {file_option(&CommandLine::reload),
        flag("--dry-run", "only say what would change", [](CommandLine& line) { line.reload.dry_run = true; })},
       "",
       [](const CommandLine& line) { return reload(line.global, line.reload); },
       true},
      {"confirm",
       "keep a configuration that waits to be confirmed",
       {},
       "",
       [](const CommandLine& line) { return confirm(line.global); },
       true},
      {"status",
       "the gateway at a glance",
       {},
       status_meaning,
       [](const CommandLine& line) { return status(line.global); }},
      {"ports", "packets of each port", {}, "", [](const CommandLine& line) { return ports(line.global); }},
      {"zones", "zones and their defaults", {}, "", [](const CommandLine& line) { return zones(line.global); }},
      {"rules", "rules and their hits", {}, "", [](const CommandLine& line) { return rules(line.global); }},
      {"drops",
       "dropped packets by reason",
       {flag("--watch", "go on, with the packets of each second", [](CommandLine& line) { line.drops.watch = true; }),
        flag("--steered", "show the packets that were sent to the engine too",
             [](CommandLine& line) { line.drops.steered = true; })},
       "",
       [](const CommandLine& line) { return drops(line.global, line.drops); }},
      {"policies", "the flow policy table", policies_options(), policies_meaning,
       [](const CommandLine& line) { return policies(line.global, line.policies); }},
  };
}

std::vector<Option> make_common_options() {
  return {
      {"--name", "-n", "NAME", "which gateway; needed when several run",
       [](std::string_view value, CommandLine& line) {
         return take_text(value, is_gateway_name(value), kGatewayNameText, line.global.name);
       }},
      {"--netns", "", "NAME", "network namespace the gateway runs in",
       [](std::string_view value, CommandLine& line) { return take_netns(value, line.global.netns); }},
      {"--socket", "", "PATH", "the daemon's unix socket; found by name unless given",
       [](std::string_view value, CommandLine& line) {
         return take_text(value, !value.empty() && value.size() <= socket_path_max,
                          fmt::format("a path of 1 to {} bytes", socket_path_max), line.global.socket);
       }},
      flag("--json", "answer in JSON, errors too", [](CommandLine& line) { line.global.json = true; }),
      flag("--version", "version of this program", [](CommandLine& line) { line.version = true; }),
      {"--help", "-h", "", "this text",
       [](std::string_view, CommandLine& line) {
         line.help = true;
         return Taken{};
       }},
  };
}

}  // namespace

std::span<const Command> commands() {
  static const std::vector<Command> table = make_commands();
  return table;
}

std::span<const Option> common_options() {
  static const std::vector<Option> table = make_common_options();
  return table;
}

}  // namespace twinpath::cli
