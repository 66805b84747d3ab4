#include "cli/syntax.hpp"

#include <algorithm>

namespace twinpath::cli {
namespace {

Failure usage(const Command* command, std::string path, std::string_view text) {
  const std::string help = command == nullptr ? "twinpath --help" : fmt::format("twinpath {} --help", command->name);
  Failure failure(fmt::format("{}{}{}; see {}", path, path.empty() ? "" : ": ", text, help), exit_usage);
  if (path.starts_with('-')) failure.path = std::move(path);
  return failure;
}

template <class Things>
std::vector<std::string_view> names_of(const Things& things) {
  std::vector<std::string_view> names;
  for (const auto& thing : things) names.push_back(thing.name);
  return names;
}

class Reader {
 public:
  explicit Reader(std::span<const std::string_view> words) : words_(words) {}

  tl::expected<CommandLine, Failure> read() {
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      const bool is_option = !only_words_ && word.size() > 1 && word.front() == '-';
      if (Outcome read = is_option ? read_option(word) : read_word(word); !read) return failed(read.error());
    }
    if (Outcome complete = check_complete(); !complete) return failed(complete.error());
    return std::move(line_);
  }

 private:
  Outcome read_word(std::string_view word) {
    if (line_.command != nullptr)
      return failed(usage(line_.command, in_quotes(word), "nothing can stand here: one command, and options"));
    const auto found = std::ranges::find(commands(), word, &Command::name);
    if (found == commands().end())
      return failed(usage(nullptr, in_quotes(word),
                          fmt::format("no such command; nearest: {}", nearest(word, names_of(commands())))));
    line_.command = &*found;
    return {};
  }

  // --name VALUE, --name=VALUE, -n VALUE, -nVALUE
  Outcome read_option(std::string_view word) {
    if (word == "--") {
      only_words_ = true;
      return {};
    }
    const bool is_long = word.starts_with("--");
    const std::size_t end = is_long ? word.find('=') : 2;
    const std::string_view name = word.substr(0, end);
    std::optional<std::string_view> value;
    if (end < word.size()) value = word.substr(is_long ? end + 1 : end);
    const Option* option = find(name);
    if (option == nullptr) return failed(unknown(name));
    return option->value.empty() ? set(*option, value) : take(*option, name, value);
  }

  Outcome set(const Option& option, std::optional<std::string_view> value) {
    if (value) return failed(usage(line_.command, option.name, fmt::format("{}: takes no value", in_quotes(*value))));
    (void)option.take("", line_);
    return {};
  }

  Outcome take(const Option& option, std::string_view name, std::optional<std::string_view> value) {
    if (!value && at_ < words_.size() && !words_[at_].starts_with("--")) value = words_[at_++];
    if (!value) return failed(usage(line_.command, std::string(name), "needs a value: " + option.value));
    if (std::ranges::find(given_, &option) != given_.end())
      return failed(usage(line_.command, std::string(name), "is given twice"));
    given_.push_back(&option);
    if (const auto wrong = option.take(*value, line_))
      return failed(usage(line_.command, std::string(name), fmt::format("{}: {}", in_quotes(*value), *wrong)));
    return {};
  }

  [[nodiscard]] Failure unknown(std::string_view name) const {
    std::vector<std::string_view> allowed = names_of(common_options());
    if (line_.command == nullptr)
      return usage(nullptr, in_quotes(name),
                   fmt::format("no such option before a command; nearest: {}", nearest(name, allowed)));
    for (const Option& option : line_.command->options) allowed.push_back(option.name);
    return usage(line_.command, in_quotes(name),
                 fmt::format("no such option of {}; nearest: {}", line_.command->name, nearest(name, allowed)));
  }

  [[nodiscard]] const Option* find(std::string_view name) const {
    const auto in = [name](std::span<const Option> options) -> const Option* {
      const auto is = [name](const Option& option) { return option.name == name || option.letter == name; };
      const auto found = std::ranges::find_if(options, is);
      return found == options.end() ? nullptr : &*found;
    };
    const Option* own = line_.command == nullptr ? nullptr : in(line_.command->options);
    return own != nullptr ? own : in(common_options());
  }

  [[nodiscard]] Outcome check_complete() const {
    if (line_.help || line_.version) return {};
    if (line_.command == nullptr) {
      std::string list;
      for (const Command& command : commands()) list += fmt::format("{}{}", list.empty() ? "" : ", ", command.name);
      return failed(usage(nullptr, "", "a command is needed: one of " + list));
    }
    for (const Option& option : line_.command->options)
      if (option.required && std::ranges::find(given_, &option) == given_.end())
        return failed(
            usage(line_.command, option.letter, fmt::format("is needed: {} {}", option.letter, option.value)));
    return {};
  }

  std::span<const std::string_view> words_;
  std::size_t at_ = 0;
  bool only_words_ = false;  // behind "--"
  std::vector<const Option*> given_;
  CommandLine line_;
};

std::string option_lines(std::span<const Option> options) {
  std::string text;
  for (const Option& option : options) {
    const std::string left = fmt::format("{}{}{}{}{}", option.letter, option.letter.empty() ? "" : ", ", option.name,
                                         option.value.empty() ? "" : " ", option.value);
    text += fmt::format("  {:<28}{}{}\n", left, option.required ? "(required) " : "", option.help);
  }
  return text;
}

std::string program_help() {
  std::string text = "twinpath: a stateful gateway on this host's own ports\n\ntwinpath COMMAND [OPTION...]\n\n";
  for (const Command& command : commands()) text += fmt::format("  {:<10}{}\n", command.name, command.help);
  return text + "\nOptions of every command; those of one: twinpath COMMAND --help\n\n" +
         option_lines(common_options()) + "\nExit status: 0 done, 1 refused or failed, 2 wrong usage.\n";
}

}  // namespace

tl::expected<CommandLine, Failure> read_command_line(std::span<const std::string_view> words) {
  return Reader(words).read();
}

std::string help_text(const Command* command) {
  if (command == nullptr) return program_help();
  std::string text = fmt::format("twinpath {}: {}\n\n", command->name, command->help);
  text += fmt::format("twinpath {}", command->name);
  for (const Option& option : command->options)
    if (option.required) text += fmt::format(" {} {}", option.letter, option.value);
  text += " [OPTION...]\n\n";
  if (!command->options.empty()) text += option_lines(command->options) + "\n";
  text += "Options of every command:\n\n" + option_lines(common_options());
  return command->more.empty() ? text : fmt::format("{}\n{}", text, command->more);
}

}  // namespace twinpath::cli
