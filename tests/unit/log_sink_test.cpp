// The daemon's log file: its lines, its bound, and what happens when it cannot be written.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>
#include <regex>

#include "base/fd.hpp"
#include "daemon/log_sink.hpp"
#include "harness/program.hpp"
#include "harness/running_server.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using twinpath::rest::TemporaryFolder;
using twinpath::test::has;

namespace {

// Standard output and error come back at the end.
class Streams {
 public:
  Streams() : out_(::dup(STDOUT_FILENO)), error_(::dup(STDERR_FILENO)) {}
  ~Streams() {
    ::dup2(out_.get(), STDOUT_FILENO);
    ::dup2(error_.get(), STDERR_FILENO);
  }

 private:
  UniqueFd out_;
  UniqueFd error_;
};

struct Log {
  explicit Log(std::uint64_t bytes_max = kLogBytesMax)
      : path(folder.file("log")), sink(std::make_shared<LogSink>(path, bytes_max)), logger("test", sink) {}
  // One line, while the streams are the log's.
  void say(const std::string& line) { logger.info("{}", line); }

  TemporaryFolder folder;
  std::string path;
  std::shared_ptr<LogSink> sink;
  spdlog::logger logger;
};

}  // namespace

TEST_CASE("a line begins with the date, the time and the zone of ISO 8601") {
  Log log;
  {
    const Streams streams;
    REQUIRE(log.sink->reopen());
    log.say("hello");
  }
  CHECK(std::regex_match(file_text(log.path),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:?\d\d \[info\] hello\n)")));
}

TEST_CASE("a file that has reached its bound becomes .1, and no line is lost between") {
  Log log{1000};
  {
    const Streams streams;
    REQUIRE(log.sink->reopen());
    for (int i = 0; i < 30; ++i) log.say("line " + std::to_string(i));
  }
  const std::string kept = file_text(log.path + ".1") + file_text(log.path);
  CHECK(file_text(log.path + ".1").size() >= 1000);
  CHECK(file_text(log.path).size() < 1000);
  for (int i = 0; i < 30; ++i) CHECK(has(kept, "line " + std::to_string(i) + "\n"));
}

TEST_CASE("a bound counts what an earlier daemon has written") {
  Log log{1000};
  std::ofstream(log.path) << std::string(990, 'x') << "\n";
  {
    const Streams streams;
    REQUIRE(log.sink->reopen());
    log.say("the last of this file");
    log.say("the first of the next");
  }
  CHECK(has(file_text(log.path + ".1"), "the last of this file\n"));
  CHECK(has(file_text(log.path), "the first of the next\n"));
}

TEST_CASE("when the file has been renamed, reopening goes on in a new one") {
  Log log;
  {
    const Streams streams;
    REQUIRE(log.sink->reopen());
    log.say("before");
    std::filesystem::rename(log.path, log.path + ".old");
    log.say("still the old one");
    REQUIRE(log.sink->reopen());
    log.say("after");
  }
  CHECK(has(file_text(log.path + ".old"), "still the old one\n"));
  CHECK(has(file_text(log.path), "after\n"));
  CHECK_FALSE(has(file_text(log.path), "before"));
}

TEST_CASE("lines that could not be written are counted in the file") {
  Log log;
  {
    const Streams streams;
    REQUIRE(log.sink->reopen());
    const UniqueFd full{::open("/dev/full", O_WRONLY)};
    ::dup2(full.get(), STDERR_FILENO);
    for (int i = 0; i < 3; ++i) log.say("lost");
    REQUIRE(log.sink->reopen());
    log.say("written");
  }
  CHECK(has(file_text(log.path), "3 lines could not be written\n"));
  CHECK(has(file_text(log.path), "written\n"));
  CHECK_FALSE(has(file_text(log.path), "lost"));
}

TEST_CASE("a file that cannot be opened is an error, and the former one stays") {
  Log log;
  std::filesystem::create_directory(log.path);
  CHECK_FALSE(log.sink->reopen());
}
