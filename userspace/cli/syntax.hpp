// syntax.hpp - the commands of twinpath and their options, as tables. Reading a command line, its help and its errors all
// go through these.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"

namespace twinpath::cli {

struct Command;

// What a command line says.
struct CommandLine {
  const Command* command = nullptr;
  bool help = false;
  bool version = false;
  Global global;
  CheckOptions check;
  UpOptions up;
  ReloadOptions reload;
  DropsOptions drops;
  PoliciesOptions policies;
};

struct Option {
  std::string name;    // "--limit"
  std::string letter;  // "-n"; empty: none
  std::string value;   // what its value is called: "N"; empty: it takes none
  std::string help;
  // Keeps the value ("" for an option that takes none), or says what it must be: "must be a whole number 1..100".
  std::function<std::optional<std::string>(std::string_view value, CommandLine& line)> take;
  bool required = false;
};

struct Command {
  std::string_view name;
  std::string_view help;  // one line
  std::vector<Option> options;
  std::string_view more;  // what its answer means; empty: nothing to explain
  std::function<Outcome(const CommandLine& line)> run;
  bool changes = false;  // the gateway: then it is done or not, whoever reads of it
};

[[nodiscard]] std::span<const Command> commands();
// Options of every command, and of none.
[[nodiscard]] std::span<const Option> common_options();

// Fails with exit_usage, and with one line: what was found, what is allowed, and where help is.
[[nodiscard]] tl::expected<CommandLine, Failure> read_command_line(std::span<const std::string_view> words);

// Of the command, or with null of the program.
[[nodiscard]] std::string help_text(const Command* command);

}  // namespace twinpath::cli
