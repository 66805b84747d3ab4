// namespace.hpp - a network namespace that lives as long as a test case.
//
//   if (!require_root()) return;
//   TestNamespace gateway{"mirror-gw"}, host{"mirror-host"};
//   gateway.veth("lan0", host, "eth0");
//   gateway.run("ip addr add 192.0.2.1/24 dev lan0");
//   gateway.inside([&] { CHECK(Mirror::open()); });
//
// Names      "<prefix>-<pid>" under /run/netns, so that tests may run side by side.
// Threads    inside() enters on a fresh thread and waits for it: the caller's namespace never changes. Sockets opened
//            inside stay in that namespace and may be used outside.
// Mounts     only the network namespace is entered, never the mount namespace: `ip netns exec` would remount /sys and
//            hide bpffs.
// Errors     a command or a setns that fails throws std::runtime_error with its output: the test case fails there.
#pragma once

#include <functional>
#include <string>

namespace twinpath::test {

// True when the process may make namespaces; otherwise prints "SKIPPED: needs root", which CTest takes for a skip.
[[nodiscard]] bool require_root();

struct CommandOutput {
  int status = 0;      // exit status; 128 + signal when killed
  std::string output;  // stdout and stderr together
};

// Runs a shell command in the caller's namespaces.
[[nodiscard]] CommandOutput run_command(const std::string& command);

class TestNamespace {
 public:
  // Creates it with loopback up.
  explicit TestNamespace(const std::string& prefix);
  // Deletes it, and with it the devices it holds, as soon as no process or socket uses it any more.
  ~TestNamespace();
  TestNamespace(const TestNamespace&) = delete;
  TestNamespace& operator=(const TestNamespace&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string path() const { return "/run/netns/" + name_; }

  // Runs a shell command inside; its output. Throws when it fails.
  std::string run(const std::string& command) const;
  // The same, but a failure is an answer.
  [[nodiscard]] CommandOutput attempt(const std::string& command) const;
  // Calls `work` inside, on a thread of its own; rethrows what it throws.
  void inside(const std::function<void()>& work) const;
  // A veth pair, both ends up: `device` here, `peer_device` in `peer` (which may be this namespace).
  void veth(const std::string& device, const TestNamespace& peer, const std::string& peer_device) const;

 private:
  std::string name_;
};

}  // namespace twinpath::test
