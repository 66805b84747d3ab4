// up and down against a stand-in for twinpathd: a shell script beside a copy of the program.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/fd.hpp"
#include "harness/namespace.hpp"
#include "harness/program.hpp"
#include "harness/running_server.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::rest;
using nlohmann::json;
using twinpath::test::has;

namespace {

namespace fs = std::filesystem;

class Fixture {
 public:
  Fixture() {
    fs::copy_file(TWINPATH_PROGRAM, folder.file("twinpath"));
    std::ofstream(folder.file("edge.json"))
        << "{\"name\": \"" << name
        << "\", \"ports\": [{\"name\": \"lan\", \"device\": \"lan0\", \"zone\": \"in\"}]"
           ", \"zones\": {\"in\": {}}}";
  }
  ~Fixture() {
    std::error_code ignored;
    fs::remove("/run/twinpath/" + name + ".log", ignored);
  }

  // What the stand-in does; "$@" is written to the file "arguments" before.
  void daemon_does(std::string_view script) const {
    std::ofstream(folder.file("twinpathd")) << "#!/bin/sh\necho \"$@\" > " << folder.file("arguments") << "\n"
                                            << script << "\n";
    fs::permissions(folder.file("twinpathd"), fs::perms::owner_all);
  }
  Ran run(const std::string& arguments) const {
    return run_program(folder.file("twinpath") + " " + arguments, folder.file(""));
  }
  Ran up(const std::string& more = "") const { return run("up -c " + folder.file("edge.json") + " " + more); }
  std::string arguments() const { return file_text(folder.file("arguments")); }
  std::string log() const { return file_text("/run/twinpath/" + name + ".log"); }

  TemporaryFolder folder;
  std::string name = "cli-test-" + std::to_string(::getpid());
  test::TestNamespace netns{"cli-up"};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "up returns when the daemon is ready, and the daemon goes on in its own session") {
  daemon_does("echo starting\necho ready >&3\nps -o sid= -p $$ > " + folder.file("session") + "\nsleep 1\necho later");
  const Ran ran = up();
  CAPTURE(ran.err);
  CHECK(ran.status == 0);
  CHECK(has(ran.out, name + ": up, pid "));
  CHECK(has(arguments(), "--config " + folder.file("edge.json")));
  CHECK(has(arguments(), "--ready-fd 3"));
  CHECK(has(log(), "starting\n"));
  for (int i = 0; i < 30 && !has(log(), "later"); ++i) ::usleep(100'000);
  CHECK(has(log(), "later\n"));
  CHECK(std::stoi(file_text(folder.file("session"))) != ::getsid(0));
}

TEST_CASE_FIXTURE(Fixture, "a document that cannot be read twice is handed to the daemon as it was checked") {
  daemon_does("cat $2 > " + folder.file("seen") + "\necho ready >&3");
  const std::string edge = folder.file("edge.json");
  for (const std::string& how : {"cat " + edge + " | " + folder.file("twinpath") + " up -c -",
                                 "bash -c '" + folder.file("twinpath") + " up -c <(cat " + edge + ")'"}) {
    CAPTURE(how);
    fs::remove(folder.file("seen"));
    const Ran ran = run_program("{ " + how + "; }", folder.file(""));
    CAPTURE(ran.err);
    CHECK(ran.status == 0);
    CHECK(file_text(folder.file("seen")) == file_text(edge));
  }
  daemon_does("cat $2");
  CHECK(run_program("{ cat " + edge + " | " + folder.file("twinpath") + " up --foreground -c -; }", folder.file(""))
            .out == file_text(edge));
}

TEST_CASE_FIXTURE(Fixture, "the name and the network namespace are handed on") {
  daemon_does("echo ready >&3");
  CHECK(up("-n " + name + " --netns " + netns.name()).status == 0);
  CHECK(has(arguments(), "--name " + name + " --netns " + netns.name()));
}

TEST_CASE_FIXTURE(Fixture, "the time to confirm is handed on, and said with the command that confirms") {
  Running server;
  server.gateway.status_answer["confirm"] = {{"waiting", true}, {"seconds_left", 60}, {"undo", "down"}};
  daemon_does("echo ready >&3");
  const Ran ran = up("--confirm-within 60 --socket " + server.socket());
  CHECK(ran.status == 0);
  CHECK(has(arguments(), "--confirm-within 60"));
  CHECK(has(ran.out, name + ": in 60 s everything is undone, unless you keep it: twinpath -n " + name + " confirm\n"));
  const Ran off = up("--confirm-within 0 --socket " + server.socket());
  CHECK(has(arguments(), "--confirm-within 0"));
  CHECK_FALSE(has(off.out, "confirm"));
  CHECK(up().status == 0);
  CHECK_FALSE(has(arguments(), "--confirm-within"));
}

TEST_CASE_FIXTURE(Fixture, "what the daemon says instead of ready is the one line of the error") {
  daemon_does("echo noise >&2\necho 'port lan: no such device: lan0' >&3\nexit 1");
  const Ran ran = up();
  CHECK(ran.status == 1);
  CHECK(ran.out.empty());
  CHECK(ran.err == "twinpath: port lan: no such device: lan0\n");
}

TEST_CASE_FIXTURE(Fixture, "a daemon that dies without a word is reported with its end and its last line") {
  const struct {
    const char* script;
    const char* part;
  } cases[] = {
      {"echo out of memory\nexit 3", "exited with status 3 before it was ready"},
      {"echo out of memory\nkill -SEGV $$", "was killed by signal 11 before it was ready"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.script);
    daemon_does(c.script);
    const Ran ran = up();
    CHECK(ran.status == 1);
    CHECK(has(ran.err, c.part));
    CHECK(has(ran.err, name + ".log: out of memory\n"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a program that cannot be run is an error") {
  daemon_does("");
  std::ofstream(folder.file("twinpathd")) << "#!/nonexistent/interpreter\n";
  const Ran ran = up();
  CHECK(ran.status == 1);
  CHECK(has(ran.err, "twinpathd: No such file"));
}

TEST_CASE_FIXTURE(Fixture, "in the foreground the program becomes the daemon") {
  daemon_does("echo here\nexit 5");
  const Ran ran = up("--foreground");
  CHECK(ran.status == 5);
  CHECK(ran.out == "here\n");
  CHECK_FALSE(has(arguments(), "--ready-fd"));
}

TEST_CASE_FIXTURE(Fixture, "a bad document starts nothing") {
  daemon_does("echo ready >&3");
  std::ofstream(folder.file("edge.json")) << "{}";
  CHECK(up().status == 1);
  CHECK(arguments().empty());
}

TEST_CASE_FIXTURE(Fixture, "down without a daemon has what it left cleaned") {
  daemon_does("exit 0");
  const Ran ran = run("-n " + name + " --netns " + netns.name() + " down");
  CHECK(ran.status == 0);
  CHECK(has(ran.out, name + ": down"));
  CHECK(has(arguments(), "--name " + name + " --clean --netns " + netns.name()));
}

TEST_CASE_FIXTURE(Fixture, "a cleaning that fails says why and ends with 1") {
  daemon_does("echo 'twinpathd: no such gateway' >&2\nexit 4");
  const Ran ran = run("-n " + name + " down");
  CHECK(ran.status == 1);
  CHECK(ran.err == "twinpath: no such gateway\n");
  const Ran in_json = run("-n " + name + " down --json");
  CHECK(in_json.status == 1);
  CHECK(json::parse(in_json.out)["error"]["message"] == "no such gateway");
  CHECK(in_json.err.empty());
}

TEST_CASE_FIXTURE(Fixture, "down asks a live daemon to leave nothing behind, and waits until it is gone") {
  // The server lives in a child, so that there is a process to wait for.
  TemporaryFolder place;
  const std::string socket = place.file("api.sock");
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t daemon = ::fork();
  REQUIRE(daemon >= 0);
  if (daemon == 0) {
    FakeGateway gateway;
    boost::asio::io_context context;
    const auto server = Server::open(context, gateway, {socket, "", "", {}});
    if (!server || ::write(ends[1], "r", 1) != 1) ::_exit(9);
    while (gateway.shut_downs == 0) context.run_one();
    ::usleep(700'000);
    ::_exit(gateway.detached ? 0 : 8);
  }
  char ready = 0;
  REQUIRE(::read(ends[0], &ready, 1) == 1);
  const UniqueFd read_end{ends[0]};
  const UniqueFd write_end{ends[1]};
  const auto start = std::chrono::steady_clock::now();
  const Ran ran = run("-n " + name + " --socket " + socket + " down");
  CHECK(std::chrono::steady_clock::now() - start > std::chrono::milliseconds(600));
  CAPTURE(ran.err);
  CHECK(ran.status == 0);
  CHECK(ran.out == name + ": down\n");
  int status = 0;
  CHECK(::waitpid(daemon, &status, 0) == daemon);
  CHECK(WEXITSTATUS(status) == 0);
}
