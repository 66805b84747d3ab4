// Signals and standard streams: what ends the daemon, what does not, and what a start that is interrupted leaves.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "harness/host_state.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

bool has_xdp(const GatewayLab& lab) { return has(lab.gateway.run("ip link show lan0"), "xdp"); }

json detaching(const GatewayLab& lab) {
  json config = lab.config(kAllowOut);
  config["safety"] = {{"on_exit", "detach"}};
  return config;
}

std::string up_arguments(const GatewayLab& lab, const json& config, const std::string& more = "") {
  std::ofstream(lab.config_file()) << config;
  return "--netns " + lab.gateway.name() + " up -c " + lab.config_file() + " " + more;
}

// A gateway in the background, as `up` starts it; the destructor takes it down.
class Background {
 public:
  Background(const GatewayLab& lab, const json& config, const std::string& redirections = "") : lab_(lab) {
    const CommandOutput up = command(lab, up_arguments(lab, config) + redirections);
    output = up.output;
    status = up.status;
  }
  ~Background() {
    (void)command(lab_, "down");
    std::error_code ignored;
    for (const char* end : {".log", ".log.1", ".log.old"}) fs::remove("/run/twinpath/" + lab_.name() + end, ignored);
  }
  [[nodiscard]] std::string log_path() const { return "/run/twinpath/" + lab_.name() + ".log"; }
  [[nodiscard]] pid_t pid() const {
    std::ifstream file("/run/twinpath/" + lab_.name() + ".json");
    const json journal = json::parse(file, nullptr, false);
    return journal.is_object() ? journal.value("pid", 0) : 0;
  }

  int status = -1;
  std::string output;

 private:
  const GatewayLab& lab_;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The command line program as a child of its own, with its output in a file.
struct Child {
  Child(const std::string& arguments, const std::string& output) {
    const std::string line = "exec " + std::string(TWINPATH_PROGRAM) + " " + arguments + " >" + output + " 2>&1";
    pid = ::fork();
    if (pid == 0) {
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
  }
  // Its status as waitpid has it; absent: it does not end.
  std::optional<int> end() {
    int status = 0;
    if (eventually([&] { return ::waitpid(pid, &status, WNOHANG) != 0; }, std::chrono::seconds{60})) return status;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    return std::nullopt;
  }
  pid_t pid;
};

}  // namespace

TEST_CASE("in the foreground TERM, INT, QUIT and HUP end the daemon in order") {
  if (!require_root()) return;
  GatewayLab lab{"sigend"};
  const std::string before = host_state(lab);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP}) {
    CAPTURE(signal);
    CAPTURE(lab.log());
    lab.start(detaching(lab));
    REQUIRE(has_xdp(lab));
    const int ended = lab.end_daemon(signal);
    CHECK(WIFEXITED(ended));
    CHECK(WEXITSTATUS(ended) == 0);
    CHECK(difference(before, host_state(lab)) == "");
    CHECK(has(lab.log(), std::string("SIG") + ::sigabbrev_np(signal) + ": the daemon ends"));
  }
}

TEST_CASE("a terminal that closes undoes what waits to be confirmed") {
  if (!require_root()) return;
  GatewayLab lab{"sigterminal"};
  const std::string before = host_state(lab);
  const std::string out = lab.config_file() + ".out";
  Child child{"-n " + lab.name() + " " + up_arguments(lab, lab.config(kAllowOut), "--foreground --confirm-within 600"),
              out};
  CHECK(eventually([&] { return has(text_of(out), " is up"); }, std::chrono::seconds{60}));
  ::kill(child.pid, SIGHUP);
  const auto status = child.end();
  CAPTURE(text_of(out));
  REQUIRE(status);
  CHECK(WIFEXITED(*status));
  CHECK(has(text_of(out), "ended without being confirmed: everything is undone"));
  CHECK(difference(before, host_state(lab)) == "");
}

TEST_CASE("signals that mean nothing to the daemon end it in neither form") {
  if (!require_root()) return;
  GatewayLab lab{"signone"};
  const auto survives = [&](pid_t pid) {
    for (const int signal : {SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGRTMIN}) {
      CAPTURE(signal);
      CHECK(::kill(pid, signal) == 0);
      CHECK(lab.get("/v1/status")["name"] == lab.name());
    }
  };
  lab.start(lab.config(kAllowOut));
  survives(lab.pid());
  lab.clean();
  const Background gateway{lab, lab.config(kAllowOut)};
  CAPTURE(gateway.output);
  REQUIRE(gateway.pid() != 0);
  survives(gateway.pid());
}

TEST_CASE("in the background HUP opens the log anew, and TERM, INT and QUIT end the daemon in order") {
  if (!require_root()) return;
  GatewayLab lab{"sighup"};
  const std::string before = host_state(lab);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    CAPTURE(signal);
    const Background gateway{lab, detaching(lab)};
    CAPTURE(gateway.output);
    REQUIRE(gateway.status == 0);
    const pid_t pid = gateway.pid();
    const std::string old = gateway.log_path() + ".old";
    CHECK(has(text_of(gateway.log_path()), " is up"));
    fs::rename(gateway.log_path(), old);
    REQUIRE(::kill(pid, SIGHUP) == 0);
    CHECK(eventually([&] { return fs::exists(gateway.log_path()); }));
    CHECK(lab.get("/v1/status")["name"] == lab.name());
    REQUIRE(::kill(pid, signal) == 0);
    CHECK(eventually([&] { return ::kill(pid, 0) != 0; }, std::chrono::seconds{60}));
    CHECK(has(text_of(gateway.log_path()), std::string("SIG") + ::sigabbrev_np(signal) + ": the daemon ends"));
    CHECK_FALSE(has(text_of(old), "the daemon ends"));
    fs::remove(old);
    CHECK(difference(before, host_state(lab)) == "");
  }
}

TEST_CASE("a signal to up while the daemon starts takes it down, and up says so") {
  if (!require_root()) return;
  GatewayLab lab{"sigstart"};
  const std::string before = host_state(lab);
  const std::string out = lab.config_file() + ".out";
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    CAPTURE(signal);
    Child child{"-n " + lab.name() + " " + up_arguments(lab, lab.config(kAllowOut)), out};
    CHECK(eventually([&] { return fs::exists("/sys/fs/bpf/twinpath/" + lab.name()); }));
    ::kill(child.pid, signal);
    const auto status = child.end();
    CAPTURE(text_of(out));
    REQUIRE(status);
    CHECK(WIFEXITED(*status));
    CHECK(WEXITSTATUS(*status) == 1);
    CHECK(has(text_of(out),
              std::string("interrupted by SIG") + ::sigabbrev_np(signal) + "; " + lab.name() +
                  " is taken down: interrupted by SIGTERM while it started: what had been changed is undone"));
    CHECK(difference(before, host_state(lab)) == "");
    (void)command(lab, "down");
  }
  std::error_code ignored;
  fs::remove("/run/twinpath/" + lab.name() + ".log", ignored);
}

TEST_CASE("a signal to the daemon while it starts undoes the start, unless a datapath was there before") {
  if (!require_root()) return;
  GatewayLab lab{"sigearly"};
  const std::string before = host_state(lab);
  const std::string out = lab.config_file() + ".out";
  const std::string arguments = "-n " + lab.name() + " " + up_arguments(lab, lab.config(kAllowOut), "--foreground");
  for (const int signal : {SIGTERM, SIGHUP}) {
    CAPTURE(signal);
    Child child{arguments, out};
    CHECK(eventually([&] { return fs::exists("/sys/fs/bpf/twinpath/" + lab.name()); }));
    ::kill(child.pid, signal);
    const auto status = child.end();
    CAPTURE(text_of(out));
    REQUIRE(status);
    CHECK(WEXITSTATUS(*status) == 1);
    CHECK(has(text_of(out), " while it started: what had been changed is undone"));
    CHECK(difference(before, host_state(lab)) == "");
  }
  lab.start(lab.config(kAllowOut));
  lab.end_daemon(SIGKILL);
  Child child{arguments, out};
  ::usleep(200'000);
  ::kill(child.pid, SIGTERM);
  const auto status = child.end();
  CAPTURE(text_of(out));
  CHECK(status);
  CHECK(has_xdp(lab));
}

TEST_CASE("up works with closed standard streams, and its status is the gateway's, whoever reads what it says") {
  if (!require_root()) return;
  GatewayLab lab{"sigstreams"};
  for (const char* redirections : {" <&- >&- 2>&-", " >&-", " >/dev/full"}) {
    CAPTURE(redirections);
    const Background gateway{lab, lab.config(kAllowOut), redirections};
    CHECK(gateway.status == 0);
    CHECK(lab.get("/v1/status")["name"] == lab.name());
    CHECK(has(text_of(gateway.log_path()), " is up"));
    CHECK(command(lab, "status >/dev/full").status == 1);
  }
}
