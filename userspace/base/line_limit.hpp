// line_limit.hpp - a bound for log lines of one kind, of which packets or peers can cause any number.
//
//   if (const auto line = limit.admit(now, fmt::format("no answer from {}", peer))) complain(*line);
//
// Bound    `lines` in each window; what is beyond it is counted, and the next line that is written says how many were not.
// Thread   one.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace twinpath {

class LineLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  LineLimit(std::uint32_t lines, std::chrono::seconds window) : lines_(lines), window_(window) {}

  // What is to be written; absent: nothing.
  [[nodiscard]] std::optional<std::string> admit(Time now, std::string line) {
    ++seen_;
    if (!begun_ || now - *begun_ >= window_) {
      begun_ = now;
      written_ = 0;
    }
    if (written_ == lines_) {
      ++unwritten_;
      return std::nullopt;
    }
    ++written_;
    if (const std::uint64_t before = std::exchange(unwritten_, 0); before > 0)
      line += fmt::format(" ({} more before, not logged)", before);
    return line;
  }
  // Lines in all, written or not.
  [[nodiscard]] std::uint64_t seen() const { return seen_; }

 private:
  std::uint32_t lines_;
  std::chrono::seconds window_;
  std::optional<Time> begun_;
  std::uint32_t written_ = 0;    // in this window
  std::uint64_t unwritten_ = 0;  // since the last line that was written
  std::uint64_t seen_ = 0;
};

}  // namespace twinpath
