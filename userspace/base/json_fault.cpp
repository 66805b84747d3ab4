#include "base/json_fault.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twinpath {
namespace {

constexpr std::size_t kLastReadCharacters = 40;

// Of the byte that ended the parse.
std::string place_of(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, std::min(position, text.size()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return fmt::format("line {}, column {}", line, std::max<std::size_t>(before.size() - start, 1));
}

// The parser's message without its tag, and with the last token shortened.
std::string reason_of(std::string_view message) {
  message.remove_prefix(std::min(message.find("] ") + 2, message.size()));  // "[json.exception.parse_error.101] "
  const std::string_view marker = " - ";
  const std::size_t dash = message.find(marker);
  const std::string_view context = message.substr(0, dash);
  std::string reason{dash == std::string_view::npos ? message : message.substr(dash + marker.size())};
  if (context.ends_with("parsing object") && reason.ends_with("expected '}'"))
    reason.replace(reason.size() - 3, 3, "',' or '}'");
  if (context.ends_with("parsing array") && reason.ends_with("expected ']'"))
    reason.replace(reason.size() - 3, 3, "',' or ']'");
  const std::size_t read = reason.find("last read: '");
  if (read != std::string::npos && reason.size() > read + 2 * kLastReadCharacters)
    reason = reason.substr(0, read) + "last read: ..." + reason.substr(reason.size() - kLastReadCharacters);
  for (char& c : reason)
    if (c < ' ' || c > '~') c = '?';
  return reason;
}

// What is left behind space and comments; a comment that is not closed is left.
std::string_view behind_comments(std::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    const bool line = text.starts_with("//");
    const std::size_t end = line ? text.find('\n') : text.starts_with("/*") ? text.find("*/", 2) : text.npos;
    if (end == text.npos) return line ? std::string_view{} : text;
    text.remove_prefix(end + (line ? 1 : 2));
  }
}

}  // namespace

std::optional<std::string> fault_before_parsing(std::string_view text) {
  if (behind_comments(text).empty()) return "the document is empty";
  if (const std::size_t at = text.find('\0'); at != text.npos)
    return fmt::format("{}: a NUL byte: the document must be text, in UTF-8", place_of(text, at + 1));
  return std::nullopt;
}

std::string json_fault(std::string_view text, std::size_t position, std::string_view message) {
  return fmt::format("{}: {}", place_of(text, position), reason_of(message));
}

}  // namespace twinpath
