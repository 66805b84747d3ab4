#include "cli/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace twinpath::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t log_interval_s = 5;  // where a line cannot be rewritten

void complain(const std::string& line) {
  const std::string safe = printable(line) + "\n";
  std::fwrite(safe.data(), 1, safe.size(), stderr);
}

}  // namespace

Failure document_failure(std::string file, std::vector<Fault> faults) {
  std::string text = fmt::format("{}: {}", file, faults.front().line());
  if (faults.size() > 1) text += fmt::format(" (and {} more)", faults.size() - 1);
  Failure failure(std::move(text), exit_failed);
  failure.file = std::move(file);
  failure.faults = std::move(faults);
  return failure;
}

Outcome say(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return {};
  Failure failure(fail(errno, "write to standard output").value());
  failure.unsaid = true;
  return failed(std::move(failure));
}

Outcome say_json(const json& value) { return say(value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"); }

json error_json(const Failure& failure) {
  json error = {{"message", failure.text}};
  if (!failure.path.empty()) error["path"] = failure.path;
  if (!failure.file.empty()) error["file"] = failure.file;
  for (const Fault& fault : failure.faults) error["faults"].push_back({{"path", fault.path}, {"text", fault.text}});
  return error;
}

int report(const Failure& failure, bool as_json) {
  if (failure.told) return failure.status;
  if (as_json && !failure.unsaid) {
    json answer = failure.answer;
    answer["error"] = error_json(failure);
    if (say_json(answer)) return failure.status;
  }
  for (const Fault& fault : failure.faults) complain(fmt::format("{}: {}", failure.file, fault.line()));
  if (failure.faults.empty()) complain("twinpath: " + failure.text);
  return failure.status;
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
