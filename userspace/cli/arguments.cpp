#include "cli/arguments.hpp"

#include <algorithm>

#include "cli/instance.hpp"
#include "cli/syntax.hpp"

namespace twinpath::cli {
namespace {

Outcome run(const CommandLine& line) {
  try {
    if (line.help) return say(help_text(line.command));
    if (line.version) return say("twinpath " TWINPATH_VERSION "\n");
    if (Status there = check_netns(line.global); !there) return failed(there.error());
    return line.command->run(line);
  } catch (const std::exception& error) {  // what libraries throw ends here
    return failed(Failure(error.what(), exit_failed));
  }
}

}  // namespace

int run(int argc, const char* const* argv) {
  const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
  const auto line = read_command_line(words);
  // Who asked for JSON gets it, though the line as a whole makes no sense.
  if (!line) return report(line.error(), std::ranges::find(words, "--json") != words.end());
  const Outcome outcome = run(*line);
  if (outcome) return exit_done;
  const int status = report(outcome.error(), line->global.json);
  // Whether an answer could be written is part of a question's success.
  return outcome.error().unsaid && line->command != nullptr && line->command->changes ? exit_done : status;
}

}  // namespace twinpath::cli
