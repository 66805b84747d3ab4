#include "cli/document.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "config/document.hpp"
#include "rest/guard.hpp"

namespace twinpath::cli {
namespace {

// As much as the daemon's API takes.
constexpr std::size_t document_bytes_max = 16 * 1024 * 1024;
constexpr int silence_max_ms = 10'000;  // of a pipe

struct Source {
  UniqueFd file;
  bool regular = false;
  bool patient = false;  // standard input: may be typed
};

// Opening a pipe that has no writer must not block.
Result<Source> open_source(const std::string& path) {
  const bool standard = path == "-";
  Source source{UniqueFd{standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                  : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)},
                false, standard};
  if (!source.file) return fail(errno, "open {}", document_name(path));
  struct stat found {};
  if (::fstat(source.file.get(), &found) != 0) return fail(errno, "look at {}", document_name(path));
  if (S_ISDIR(found.st_mode)) return refuse("{} is a directory: a file, a pipe or - is needed", document_name(path));
  source.regular = S_ISREG(found.st_mode) && !standard;
  return source;
}

// False: nobody has written anything for too long.
bool becomes_readable(const Source& source) {
  pollfd poll{source.file.get(), POLLIN, 0};
  if (source.regular || source.patient) return true;
  int ready = 0;
  while ((ready = ::poll(&poll, 1, silence_max_ms)) < 0 && errno == EINTR) continue;
  return ready != 0;
}

Result<std::string> read_all(const Source& source, const std::string& name) {
  std::string text;
  char piece[65536];
  while (true) {
    if (!becomes_readable(source)) return refuse("{}: nothing came out of it for {} s", name, silence_max_ms / 1000);
    const ssize_t got = ::read(source.file.get(), piece, sizeof(piece));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return fail(errno, "read {}", name);
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > document_bytes_max) return refuse("{} is larger than {} bytes", name, document_bytes_max);
  }
}

// The token can be tried by those who may read it.
std::optional<Fault> token_fault(const Config& config) {
  const Result<std::string> token = rest::read_token(config.api.token_file);
  if (token || token.error().code == EACCES) return std::nullopt;
  return Fault{"api.token_file", token.error().text};
}

}  // namespace

std::string document_name(const std::string& path) { return path == "-" ? "standard input" : path; }

tl::expected<Document, Failure> load_document(const std::string& path) {
  const std::string name = document_name(path);
  const Result<Source> source = open_source(path);
  if (!source) return failed(source.error());
  const Result<std::string> text = read_all(*source, name);
  if (!text) return failed(text.error());
  auto config = check_document(*text);
  if (!config) return failed(document_failure(name, std::move(config.error())));
  if (auto fault = token_fault(*config)) return failed(document_failure(name, {std::move(*fault)}));
  return Document{std::move(*config), source->regular};
}

Result<UniqueFd> memory_file(const std::string& text) {
  UniqueFd file{::memfd_create("document", MFD_CLOEXEC)};
  if (!file) return fail(errno, "make a file in memory");
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(file.get(), text.data() + at, text.size() - at);
    if (written < 0) return fail(errno, "write a file in memory");
    at += static_cast<std::size_t>(written);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail(errno, "rewind a file in memory");
  return file;
}

}  // namespace twinpath::cli
