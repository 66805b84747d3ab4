// output.hpp - what a command says and how it ends.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace twinpath::cli {

enum Exit : int { exit_done = 0, exit_failed = 1, exit_usage = 2 };

// To standard output; flushed, so that a pipe's reader sees it at once.
void say(std::string_view text);
// Pretty, with a newline.
void say_json(const nlohmann::json& value);
// One line on standard error, "twinpath: TEXT", made safe for a terminal; returns exit_failed.
int failed(std::string_view text);
int failed(const Error& error);

// The exit status after everything has been said. Whether an answer could be written is part of a question's success;
// a command that `changes` the gateway has done that or not, whoever reads of it.
[[nodiscard]] int finish(int status, bool changes);

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
