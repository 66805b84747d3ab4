// output.hpp - what a command says and how it ends.
//
// Streams   standard output has what was asked for, standard error what went wrong, in one line. With --json both are JSON
//           on standard output, and standard error has nothing but progress.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "config/fault.hpp"

namespace twinpath::cli {

enum Exit : int { exit_done = 0, exit_failed = 1, exit_usage = 2 };

// Why a command did not do what it was asked.
struct Failure {
  std::string text;
  std::string path = {};           // the option that is wrong; empty: it is no option
  std::string file = {};           // the document that has `faults`
  std::vector<Fault> faults = {};  // a line each, instead of `text`
  Exit status = exit_failed;
  nlohmann::json answer = nlohmann::json::object();  // with --json: what stands beside "error"
  bool told = false;                                 // the answer has it already
  bool unsaid = false;                               // all was done, but the answer could not be written

  Failure(Error error) : text(std::move(error.text)) {}
  Failure(std::string what, Exit how) : text(std::move(what)), status(how) {}
};

using Outcome = tl::expected<void, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> failed(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}
// The faults of a document that was read from `file`.
[[nodiscard]] Failure document_failure(std::string file, std::vector<Fault> faults);

// To standard output; flushed, so that a pipe's reader sees it at once. Fails when nobody takes it.
[[nodiscard]] Outcome say(std::string_view text);
// Pretty, with a newline.
[[nodiscard]] Outcome say_json(const nlohmann::json& value);

// {"message", "path"?, "file"?, "faults"?}
[[nodiscard]] nlohmann::json error_json(const Failure& failure);
// Says why, and returns the exit status.
int report(const Failure& failure, bool json);

// A line on standard error about something that takes longer than a second; removed when it is over.
class Progress {
 public:
  explicit Progress(std::string_view what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Called now and then with the time since the start.
  void tick(std::uint64_t elapsed_ms);

 private:
  std::string what_;
  bool terminal_;
  std::uint64_t shown_s_ = 0;
};

}  // namespace twinpath::cli
