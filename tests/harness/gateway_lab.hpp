// gateway_lab.hpp - a client, a gateway that runs twinpathd, and a server, each in a network namespace of its own.
//
//   client  eth0 10.1.0.2 ─── lan0 10.1.0.1  gateway  wan0 10.2.0.1 ─── eth0 10.2.0.2  server
//           2001:db8:1::2     2001:db8:1::1           2001:db8:2::1     2001:db8:2::2
//
//   if (!require_root()) return;
//   GatewayLab lab{"reload"};
//   CAPTURE(lab.log());                      // shown only when a check fails
//   lab.start(lab.config(R"([{"name": "all", "from": "inside", "to": "outside", "action": "allow"}])"));
//   lab.client.inside([] { ... sockets ... });
//   CHECK(lab.get("/v1/policies?protocol=udp")["policies"].size() == 3);
//
// Shape      the same devices, MAC and IP addresses as scripts/lab. Linux does not forward in the gateway.
// Names      namespaces "<prefix>-client-<pid>" and so on; the instance is "<prefix>-<pid>".
// Owner      the test. The destructor ends the daemon, has `twinpathd --clean` undo what it left, removes all.
// Errors     what fails throws std::runtime_error with the reason and the daemon's last words.
// Thread     one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/layers.hpp"
#include "harness/namespace.hpp"
#include "rest/client.hpp"

namespace twinpath::test {

// 02:74:77:00:<wire>:<side>: wire 1 is lan0's, 2 is wan0's; side 1 the gateway's, 2 the far end's.
inline constexpr Mac lab_mac(std::uint8_t wire, std::uint8_t side) { return {{0x02, 0x74, 0x77, 0, wire, side}}; }

// Asks until it is true; false when it never was in that time. For machines that are busy, so generous.
[[nodiscard]] bool eventually(const std::function<bool()>& holds,
                              std::chrono::milliseconds timeout = std::chrono::seconds{20});

// For GatewayLab::config(): everything from inside to outside.
inline constexpr const char* kAllowOut = R"([{"name": "all", "from": "inside", "to": "outside", "action": "allow"}])";

class GatewayLab {
 public:
  explicit GatewayLab(const std::string& prefix, int queues = 1);
  ~GatewayLab();
  GatewayLab(const GatewayLab&) = delete;
  GatewayLab& operator=(const GatewayLab&) = delete;

  // A document with both ports, zones inside, outside (default drop) and host (default allow), and these rules.
  [[nodiscard]] nlohmann::json config(const std::string& rules = "[]") const;
  // Runs twinpathd in the gateway's namespace and waits until it is ready. The reason when it refused.
  [[nodiscard]] std::optional<std::string> try_start(const nlohmann::json& config);
  void start(const nlohmann::json& config);  // throws when it refuses
  // Sends the signal, waits for the end; the status as waitpid has it. What the daemon pinned goes on.
  int end_daemon(int signal);
  // The same, and everything undone.
  void clean();

  [[nodiscard]] pid_t pid() const { return pid_; }  // 0: no daemon
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string socket() const { return folder_ + "/api.sock"; }
  [[nodiscard]] std::string config_file() const { return folder_ + "/config.json"; }
  // What the daemons of this lab wrote, and the end of it.
  [[nodiscard]] std::string log_path() const { return folder_ + "/log"; }
  [[nodiscard]] std::string log() const;

  [[nodiscard]] rest::Reply request(const std::string& method, const std::string& target,
                                    const std::string& body = {}) const;
  [[nodiscard]] nlohmann::json get(const std::string& target) const;
  // All pairs that fit ("protocol=udp&state=assured"), through every page.
  [[nodiscard]] std::vector<nlohmann::json> policies(const std::string& query = {}) const;
  // Has Linux in the gateway learn both far ends, so that no flow has to wait for a neighbour.
  void obtain_next_hops() const;
  // Packets dropped for this reason so far, by both datapaths.
  [[nodiscard]] std::uint64_t drops(const std::string& reason) const;
  // Packets the engine has received so far.
  [[nodiscard]] std::uint64_t engine_received() const;

  TestNamespace client;
  TestNamespace gateway;
  TestNamespace server;

 private:
  void make_wire(const TestNamespace& host, const std::string& device, int number, int queues) const;

  std::string name_;
  std::string folder_;
  pid_t pid_ = 0;
};

}  // namespace twinpath::test
