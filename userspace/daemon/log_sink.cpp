#include "daemon/log_sink.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/log_file.hpp"

namespace twinpath {
namespace {

// ISO 8601 with the zone, so that lines of several machines can be put in order.
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%e%z [%l] %v";

std::uint64_t size_of(int fd) {
  struct stat file {};
  return ::fstat(fd, &file) == 0 ? static_cast<std::uint64_t>(file.st_size) : 0;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

LogSink::LogSink(std::string path, std::uint64_t bytes_max) : path_(std::move(path)), bytes_max_(bytes_max) {
  set_pattern_(kPattern);
}

Status LogSink::reopen() {
  const std::scoped_lock lock(mutex_);
  return open_file();
}

Status LogSink::open_file() {
  if (path_.empty()) return {};
  auto file = open_log_file(path_);
  if (!file) return pass_on(std::move(file.error()));
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
    if (::dup2(file->get(), stream) < 0) return fail(errno, "write to {}", path_);
  bytes_ = size_of(file->get());
  return {};
}

// What cannot be done leaves the file as it is; it is tried again after as many bytes.
void LogSink::rotate() {
  if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 || !open_file()) bytes_ = 0;
}

void LogSink::write(std::string_view text) {
  if (!write_all(STDERR_FILENO, text)) {
    ++lost_;
    return;
  }
  bytes_ += text.size();
  if (!path_.empty() && bytes_ >= bytes_max_) rotate();
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  if (lost_ > 0) {
    const std::string note = fmt::format("{} lines could not be written\n", lost_);
    if (!write_all(STDERR_FILENO, note)) {
      ++lost_;
      return;
    }
    lost_ = 0;
  }
  write({line.data(), line.size()});
}

}  // namespace twinpath
