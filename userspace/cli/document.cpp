#include "cli/document.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"

namespace twinpath::cli {
namespace {

// As much as the daemon's API takes.
constexpr std::size_t document_bytes_max = 16 * 1024 * 1024;

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return fail(errno, "open {}", path);
  std::string text;
  char piece[65536];
  while (true) {
    const ssize_t got = ::read(file.get(), piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno, "read {}", path);
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > document_bytes_max) return refuse("{} is larger than {} bytes", path, document_bytes_max);
  }
}

void say_faults(const std::string& path, const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) std::fputs(printable(path + ": " + fault.line()).append("\n").c_str(), stderr);
}

std::optional<Config> load_document(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) {
    failed(text.error());
    return std::nullopt;
  }
  auto config = parse_config(*text);
  if (!config) {
    say_faults(path, config.error());
    return std::nullopt;
  }
  return std::move(*config);
}

}  // namespace twinpath::cli
