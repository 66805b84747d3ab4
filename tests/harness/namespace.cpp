#include "harness/namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <thread>

namespace twinpath::test {
namespace {

std::string single_quoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return quoted + "'";
}

void must(const CommandOutput& result, const std::string& command) {
  if (result.status != 0) throw std::runtime_error(command + ": " + result.output);
}

void enter(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int failed = fd < 0 ? -1 : ::setns(fd, CLONE_NEWNET);
  std::string reason = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  if (failed != 0) throw std::runtime_error("enter " + path + ": " + reason);
}

}  // namespace

bool require_root() {
  if (::geteuid() == 0) return true;
  std::puts("SKIPPED: needs root");
  return false;
}

CommandOutput run_command(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("popen " + command);
  CommandOutput result;
  std::array<char, 4096> piece;
  while (std::size_t bytes = std::fread(piece.data(), 1, piece.size(), pipe)) result.output.append(piece.data(), bytes);
  int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

TestNamespace::TestNamespace(const std::string& prefix) : name_(prefix + "-" + std::to_string(::getpid())) {
  must(run_command("ip netns add " + name_), "ip netns add " + name_);
  run("ip link set lo up");
}

TestNamespace::~TestNamespace() {
  CommandOutput result = run_command("ip netns del " + name_);
  if (result.status != 0) std::fprintf(stderr, "ip netns del %s: %s", name_.c_str(), result.output.c_str());
}

CommandOutput TestNamespace::attempt(const std::string& command) const {
  return run_command("nsenter --net=" + path() + " sh -c " + single_quoted(command));
}

std::string TestNamespace::run(const std::string& command) const {
  CommandOutput result = attempt(command);
  must(result, name_ + ": " + command);
  return result.output;
}

void TestNamespace::inside(const std::function<void()>& work) const {
  std::exception_ptr thrown;
  std::thread visitor([&] {
    try {
      enter(path());
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  visitor.join();
  if (thrown) std::rethrow_exception(thrown);
}

void TestNamespace::veth(const std::string& device, const TestNamespace& peer, const std::string& peer_device) const {
  run("ip link add " + device + " type veth peer name " + peer_device + " netns " + peer.path());
  run("ip link set " + device + " up");
  peer.run("ip link set " + peer_device + " up");
}

}  // namespace twinpath::test
