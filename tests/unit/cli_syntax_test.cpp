// The command line: every command with every option, and what is said about one that makes no sense.
#include <doctest/doctest.h>

#include <sstream>

#include "cli/syntax.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::cli;
using twinpath::test::has;

namespace {

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

// What is said about the words; "accepted" when they make sense.
std::string said(const std::vector<std::string_view>& words) {
  const auto line = read_command_line(words);
  if (line) return "accepted";
  CHECK(line.error().status == exit_usage);
  CHECK(line.error().text.find('\n') == std::string::npos);
  CHECK(has(line.error().text, "; see twinpath "));
  return line.error().text;
}
std::string said(std::string_view line) { return said(split(line)); }

// The command with what it needs.
std::string needed(const Command& command) {
  std::string line(command.name);
  for (const Option& option : command.options)
    if (option.required) line += fmt::format(" {} x", option.name);
  return line;
}

std::vector<Option> options_of(const Command& command) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), common_options().begin(), common_options().end());
  return options;
}

// The line with a value for one option, which may be one that the command needs.
std::vector<std::string_view> with_value(const Command& command, const Option& option, const std::string& value,
                                         const std::string& line) {
  if (option.required) return {command.name, option.name, value};
  std::vector<std::string_view> words = split(line);
  words.push_back(option.name);
  words.push_back(value);
  return words;
}

}  // namespace

TEST_CASE("every command is read with what it needs, and every option is in its help") {
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    CHECK(said(needed(command)) == "accepted");
    CHECK(said(fmt::format("{} --help", command.name)) == "accepted");
    const std::string help = help_text(&command);
    for (const Option& option : options_of(command)) {
      CHECK(has(help, option.name));
      CHECK(has(help, option.help));
    }
    CHECK(has(help_text(nullptr), command.help));
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 130);
  }
}

TEST_CASE("every option that needs a value says so, takes it in each way of writing, and only once") {
  for (const Command& command : commands()) {
    for (const Option& option : options_of(command)) {
      if (option.value.empty()) continue;
      CAPTURE(command.name);
      CAPTURE(option.name);
      const std::string base = option.required ? std::string(command.name) : needed(command);
      CHECK(has(said(base + " " + option.name), option.name + ": needs a value: " + option.value));
      CHECK(has(said(base + " " + option.name + " --json"), option.name + ": needs a value: " + option.value));
      const std::string one = option.name == "--state"                                    ? "assured"
                              : option.name == "--origin"                                 ? "kernel"
                              : option.name == "--protocol"                               ? "tcp"
                              : option.value == "SOURCE" || option.value == "DESTINATION" ? "10.0.0.0/8"
                                                                                          : "1";
      CHECK(said(with_value(command, option, one, base)) == "accepted");
      CHECK(said(base + " " + option.name + "=" + one) == "accepted");
      if (!option.letter.empty()) {
        CHECK(said(base + " " + option.letter + " " + one) == "accepted");
        CHECK(said(base + " " + option.letter + one) == "accepted");
      }
      CHECK(has(said(fmt::format("{0} {1}={2} {1}={2}", base, option.name, one)), option.name + ": is given twice"));
    }
  }
}

TEST_CASE("no option takes an empty value, a control character or invalid UTF-8 as if it were something") {
  for (const Command& command : commands()) {
    for (const Option& option : options_of(command)) {
      if (option.value.empty()) continue;
      CAPTURE(command.name);
      CAPTURE(option.name);
      const std::string base = needed(command);
      CHECK(has(said(with_value(command, option, "", base)), option.name + ": \"\": "));
      if (option.value == "PATH" || option.value == "FILE" || option.name == "--netns") continue;  // names of files
      for (const char* odd : {"\033[2J", "\xff\xfe", "a\nb", "ä"}) {
        const std::string text = said(with_value(command, option, odd, base));
        CHECK(has(text, option.name + ": \""));
        CHECK(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }));
      }
    }
  }
}

TEST_CASE("numbers are digits within their bounds and nothing else") {
  const struct {
    const char* option;
    const char* bounds;
    std::vector<const char*> bad;
    std::vector<const char*> good;
  } cases[] = {
      {"policies --limit", "a whole number 1..33554432", {"0", "33554433"}, {"1", "33554432"}},
      {"policies --port", "a whole number 0..65535", {"65536"}, {"0", "65535"}},
      {"policies --protocol", "one of tcp, udp, icmp, icmpv6, or a whole number 0..255", {"256", "TCP"}, {"0", "255"}},
      {"up -c x --confirm-within", "a whole number 0..86400", {"86401"}, {"0", "86400"}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.option);
    std::vector<const char*> bad = {
        "abc", "-1",  "+1", "01", "0x10", "1e3", "1.0", "1,000", "99999999999999999999", "18446744073709551617",
        "1 ",  "NaN", "٣"};
    bad.insert(bad.end(), c.bad.begin(), c.bad.end());
    for (const char* number : bad) {
      CAPTURE(number);
      std::vector<std::string_view> words = split(c.option);
      words.push_back(number);
      CHECK(has(said(words), fmt::format("{}: must be {}; see ", in_quotes(number), c.bounds)));
    }
    for (const char* number : c.good) CHECK(said(fmt::format("{} {}", c.option, number)) == "accepted");
  }
}

TEST_CASE("what is not known is named, with what is like it") {
  const struct {
    const char* line;
    const char* want;
  } cases[] = {
      {"",
       "a command is needed: one of up, down, check, reload, confirm, status, ports, zones, rules, drops, policies; "
       "see twinpath --help"},
      {"--json", "a command is needed: one of up, "},
      {"polices", "\"polices\": no such command; nearest: policies, "},
      {"chek", "\"chek\": no such command; nearest: check, "},
      {"chek -c x", "\"chek\": no such command; nearest: check, "},
      {"Status", "\"Status\": no such command; nearest: status, "},
      {"status extra", "\"extra\": nothing can stand here: one command, and options; see twinpath status --help"},
      {"status ports", "\"ports\": nothing can stand here: one command, and options"},
      {"confirm 5", "\"5\": nothing can stand here"},
      {"confirm -- --json", "\"--json\": nothing can stand here"},
      {"status --jsn", "\"--jsn\": no such option of status; nearest: --json, "},
      {"status -x", "\"-x\": no such option of status; nearest: "},
      {"policies --sauce 10.0.0.0/8", "\"--sauce\": no such option of policies; nearest: --source, "},
      {"status --limit 5", "\"--limit\": no such option of status; nearest: "},
      {"--limit 5 policies", "\"--limit\": no such option before a command; nearest: "},
      {"check", "-c: is needed: -c FILE; see twinpath check --help"},
      {"up --foreground", "-c: is needed: -c FILE; see twinpath up --help"},
      {"reload --dry-run", "-c: is needed: -c FILE; see twinpath reload --help"},
      {"status --json=yes", "--json: \"yes\": takes no value"},
      {"status -n a/b", "-n: \"a/b\": must be 1 to 32 of A-Z a-z 0-9 _ -; see twinpath status --help"},
      {"status --name edge.1", "--name: \"edge.1\": must be 1 to 32 of A-Z a-z 0-9 _ -"},
      {"up -c x --netns a/b", "--netns: \"a/b\": must be a name of `ip netns`"},
      {"policies --source 10.0.0.0/40", "--source: \"10.0.0.0/40\": prefix length must be 0..32"},
      {"policies --source 10.0.0.1/8", "--source: \"10.0.0.1/8\": has host bits set; the network is 10.0.0.0/8"},
      {"policies --state open", "--state: \"open\": must be one of half-open, assured, closing"},
      {"policies --origin nic", "--origin: \"nic\": must be one of kernel, engine"},
      {"policies --zone in/side", "--zone: \"in/side\": must be 1 to 32 of A-Z a-z 0-9 _ . -"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.line);
    CHECK(said(c.line).starts_with(c.want));
  }
}

TEST_CASE("options may stand before and after the command") {
  for (const char* text :
       {"-n edge --json policies --limit 5 --zone in", "policies --zone=in --json --limit=5 -nedge"}) {
    const auto line = read_command_line(split(text));
    REQUIRE(line);
    CHECK(line->command->name == "policies");
    CHECK(line->global.name == "edge");
    CHECK(line->global.json);
    CHECK(line->policies.limit == 5);
    CHECK(line->policies.filters == std::vector<std::pair<std::string, std::string>>{{"zone", "in"}});
  }
  CHECK(read_command_line(split("check -c -"))->check.file == "-");
}
