#include "cli/output.hpp"

#include <unistd.h>

#include <cstdio>

#include "cli/table.hpp"

namespace twinpath::cli {
namespace {

constexpr std::uint64_t log_interval_s = 5;  // where a line cannot be rewritten

}  // namespace

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void say_json(const nlohmann::json& value) {
  say(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

int failed(std::string_view text) {
  const std::string line = "twinpath: " + printable(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return exit_failed;
}

int failed(const Error& error) { return failed(error.text); }

int finish(int status, bool changes) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  const int unsaid = failed("cannot write to standard output");
  return changes ? status : unsaid;
}

Progress::Progress(std::string_view what) : what_(what), terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (terminal_ && shown_s_ > 0) std::fputs("\r\033[K", stderr);
}

void Progress::tick(std::uint64_t elapsed_ms) {
  const std::uint64_t elapsed_s = elapsed_ms / 1000;
  const bool due = terminal_ || shown_s_ == 0 || elapsed_s >= shown_s_ + log_interval_s;
  if (elapsed_s == shown_s_ || !due) return;
  shown_s_ = elapsed_s;
  const std::string line = fmt::format("{}{}: {} s{}", terminal_ ? "\r" : "", what_, elapsed_s, terminal_ ? "" : "\n");
  std::fputs(line.c_str(), stderr);
}

}  // namespace twinpath::cli
