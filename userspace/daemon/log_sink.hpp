// log_sink.hpp - lines of the daemon's log, to standard error: a terminal, a service manager, or a file of its own.
//
// File     With a path, standard output and error are that file. Beyond kLogBytesMax the file becomes PATH.1, which
//          replaces an earlier one, and a new file is begun: /run is memory. reopen() is for a program that has renamed
//          the file (logrotate).
// Lost     A line that cannot be written (a full disk) is counted; the next that can be is preceded by the count.
// Thread   any.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <mutex>
#include <string>

#include "base/result.hpp"

namespace twinpath {

inline constexpr std::uint64_t kLogBytesMax = 8 << 20;

class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // `path` empty: standard error as it is.
  explicit LogSink(std::string path, std::uint64_t bytes_max = kLogBytesMax);

  // The file at the path from here on. On failure the former one stays.
  [[nodiscard]] Status reopen();

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  [[nodiscard]] Status open_file();
  void rotate();
  void write(std::string_view text);

  std::string path_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;  // in the file
  std::uint64_t lost_ = 0;   // lines since the last that could be written
};

}  // namespace twinpath
