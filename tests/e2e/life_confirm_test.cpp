// Commit-confirm: confirmed configurations stay, unconfirmed ones are undone.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "harness/host_state.hpp"
#include "harness/stream.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

constexpr std::chrono::seconds kTimeout{60};

json udp_rule(const char* name, int port) {
  return {{"name", name},      {"from", "inside"},         {"to", "outside"},
          {"protocol", "udp"}, {"destination_port", port}, {"action", "allow"}};
}

// Allows UDP to these ports, and has to be confirmed within `confirm_s` seconds; 0: needs no confirmation.
json config_of(const GatewayLab& lab, int confirm_s, std::initializer_list<int> ports = {7000}) {
  json config = lab.config();
  for (const int port : ports) config["rules"].push_back(udp_rule(("to-" + std::to_string(port)).c_str(), port));
  config["safety"] = {{"confirm_s", confirm_s}};
  return config;
}

json put(const GatewayLab& lab, const json& config) {
  const rest::Reply reply = lab.request("PUT", "/v1/config", config.dump());
  REQUIRE_MESSAGE(reply.status == 200, reply.body);
  return json::parse(reply.body);
}

json status(const GatewayLab& lab) { return lab.get("/v1/status"); }
bool waits(const GatewayLab& lab) { return status(lab)["confirm"]["waiting"].get<bool>(); }
std::uint32_t generation(const GatewayLab& lab) { return status(lab)["generation"].get<std::uint32_t>(); }
bool has_xdp(const GatewayLab& lab) { return has(lab.gateway.run("ip link show lan0"), "xdp"); }

// The process is not reaped: end_daemon() returns its status.
bool ends_by_itself(const GatewayLab& lab) {
  return eventually(
      [&] {
        siginfo_t end{};
        return ::waitid(P_PID, static_cast<id_t>(lab.pid()), &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               end.si_pid == lab.pid();
      },
      kTimeout);
}

bool runs_longer_than(const GatewayLab& lab, int seconds) {
  return eventually([&] { return status(lab)["uptime_s"].get<int>() > seconds; }, kTimeout);
}

// A daemon that the command line started, which no lab ends.
struct DownAtEnd {
  const GatewayLab& lab;
  ~DownAtEnd() {
    (void)command(lab, "down");
    std::error_code ignored;
    std::filesystem::remove("/run/twinpath/" + lab.name() + ".log", ignored);
  }
};

}  // namespace

TEST_CASE("an unconfirmed start is undone: the host is as it was found, and the daemon ends and logs why") {
  if (!require_root()) return;
  GatewayLab lab{"confnone"};
  CAPTURE(lab.log());
  lab.client.run("ethtool -K eth0 gro off tx on");
  const std::string before = host_state(lab);
  lab.start(config_of(lab, 3));
  REQUIRE(ends_by_itself(lab));
  const int ended = lab.end_daemon(SIGKILL);
  CHECK(WIFEXITED(ended));
  CHECK(WEXITSTATUS(ended) == 0);
  CHECK(difference(before, host_state(lab)) == "");
  CHECK(has(lab.log(), "not confirmed within 3 s: everything is undone"));
}

TEST_CASE(
    "up says how long it waits and which command confirms; what that command has kept stays, and so for a reload") {
  if (!require_root()) return;
  GatewayLab lab{"confkept"};
  const DownAtEnd down{lab};
  std::ofstream(lab.config_file()) << config_of(lab, 0, {7000, 7001});
  const CommandOutput up =
      command(lab, "--netns " + lab.gateway.name() + " up --confirm-within 6 -c " + lab.config_file());
  CAPTURE(up.output);
  REQUIRE(up.status == 0);
  CHECK(has(up.output, "s everything is undone, unless you keep it: twinpath -n " + lab.name() + " confirm\n"));
  CHECK(has(command(lab, "status").output, "s everything is undone, unless you keep it"));
  CHECK(command(lab, "confirm").status == 0);
  CHECK_FALSE(waits(lab));
  const CommandOutput again = command(lab, "confirm");
  CHECK(again.status == 1);
  CHECK(has(again.output, "nothing to confirm"));

  UdpStream stays{lab, 7000};
  UdpStream goes{lab, 7001};
  REQUIRE(goes.flows());
  std::ofstream(lab.config_file()) << config_of(lab, 6);
  const CommandOutput reload = command(lab, "reload -c " + lab.config_file());
  CHECK(reload.status == 0);
  CHECK(has(reload.output, "in 6 s the previous configuration is restored, unless you keep it"));
  const int reloaded_at = status(lab)["uptime_s"].get<int>();
  const std::uint32_t reloaded = generation(lab);
  CHECK(lab.request("POST", "/v1/confirm").status == 200);
  CHECK(runs_longer_than(lab, reloaded_at + 7));
  CHECK(generation(lab) == reloaded);
  CHECK(stays.flows());
  const std::uint64_t stopped_at = goes.received();
  CHECK(stays.flows(500));
  CHECK(goes.received() == stopped_at);
}

TEST_CASE("an unconfirmed reload is rolled back as a new generation, and the earlier traffic passes again") {
  if (!require_root()) return;
  GatewayLab lab{"confback"};
  CAPTURE(lab.log());
  lab.start(config_of(lab, 0, {7000, 7001}));
  CHECK_FALSE(waits(lab));
  UdpStream stays{lab, 7000};
  UdpStream goes{lab, 7001};
  REQUIRE(stays.flows());
  REQUIRE(goes.flows());
  const std::uint32_t first = generation(lab);
  const json document = lab.get("/v1/config");

  CHECK(put(lab, config_of(lab, 5))["confirm_within_s"] == 5);
  const rest::Reply second = lab.request("PUT", "/v1/config", config_of(lab, 0, {7002}).dump());
  CHECK(second.status == 409);
  CHECK(has(second.body, "confirm_first"));
  CHECK(lab.request("PUT", "/v1/config?dry_run=1", config_of(lab, 0, {7002}).dump()).status == 200);
  CHECK(stays.flows(100));
  const std::uint64_t stopped_at = goes.received();
  CHECK(stays.flows(500));
  CHECK(goes.received() == stopped_at);
  CHECK(generation(lab) == first + 1);

  CHECK(eventually([&] { return !waits(lab); }, kTimeout));
  CHECK(generation(lab) == first + 2);
  CHECK(lab.get("/v1/config") == document);
  CHECK(goes.flows());
  CHECK(stays.missing() == 0);
  CHECK(has(lab.log(), "not confirmed within 5 s: the previous configuration is in force again"));
  CHECK(lab.request("POST", "/v1/confirm").status == 409);
  put(lab, config_of(lab, 0));  // nothing is in the way any more
}

TEST_CASE("a port that an unconfirmed reload removed is opened again") {
  if (!require_root()) return;
  GatewayLab lab{"confport"};
  CAPTURE(lab.log());
  const json whole = config_of(lab, 0);
  lab.start(whole);
  json fewer = config_of(lab, 3);
  fewer["ports"].erase(1);
  put(lab, fewer);
  CHECK(eventually([&] { return !waits(lab); }, kTimeout));
  CHECK(lab.get("/v1/config")["ports"].size() == 2);
  UdpStream stays{lab, 7000};
  CHECK(stays.flows());
}

TEST_CASE("when the rollback fails, the log says so and the new configuration stays") {
  if (!require_root()) return;
  GatewayLab lab{"confstuck"};
  CAPTURE(lab.log());
  lab.gateway.veth("more0", lab.gateway, "more1");
  json first = config_of(lab, 0, {7000, 7001});
  first["ports"].push_back({{"name", "more"}, {"device", "more0"}, {"zone", "inside"}});
  lab.start(first);
  put(lab, config_of(lab, 8));
  lab.gateway.run("ip link del more0");  // the port that the rollback would add
  REQUIRE(waits(lab));
  const std::uint32_t tried = generation(lab);
  CHECK(eventually([&] { return has(lab.log(), "CANNOT BE RESTORED"); }, kTimeout));
  CHECK(generation(lab) == tried);
  CHECK(lab.get("/v1/config")["rules"].size() == 1);
  CHECK_FALSE(waits(lab));
  UdpStream stays{lab, 7000};
  CHECK(stays.flows());
}

TEST_CASE("kill -9 confirms nothing: the next start waits again, unless its configuration was confirmed before") {
  if (!require_root()) return;
  GatewayLab lab{"confkill"};
  CAPTURE(lab.log());
  const std::string before = host_state(lab);
  lab.start(config_of(lab, 600));
  CHECK(waits(lab));
  CHECK(lab.request("POST", "/v1/confirm").status == 200);
  lab.end_daemon(SIGKILL);
  lab.start(config_of(lab, 600));
  CHECK_FALSE(waits(lab));
  CHECK(command(lab, "down").status == 0);
  lab.end_daemon(SIGKILL);

  lab.start(config_of(lab, 600));
  lab.end_daemon(SIGKILL);
  CHECK(has_xdp(lab));
  lab.start(config_of(lab, 3));
  CHECK(status(lab)["adopted"] == true);
  CHECK(ends_by_itself(lab));
  lab.end_daemon(SIGKILL);
  CHECK(difference(before, host_state(lab)) == "");

  lab.start(config_of(lab, 600));
  lab.end_daemon(SIGKILL);
  lab.start(config_of(lab, 0));  // does not have to be confirmed
  CHECK_FALSE(waits(lab));
}

TEST_CASE("an unconfirmed start over a confirmed configuration restores the confirmed one") {
  if (!require_root()) return;
  GatewayLab lab{"confover"};
  CAPTURE(lab.log());
  lab.start(config_of(lab, 0, {7000, 7001}));
  UdpStream goes{lab, 7001};
  REQUIRE(goes.flows());
  put(lab, config_of(lab, 600));
  lab.end_daemon(SIGKILL);
  lab.start(config_of(lab, 3));
  CHECK(eventually([&] { return !waits(lab); }, kTimeout));
  CHECK(lab.get("/v1/config")["rules"].size() == 2);
  CHECK(goes.flows());
  CHECK(has(lab.log(), "not confirmed within 3 s: the previous configuration is in force again"));
  // The next start has a confirmed configuration.
  lab.end_daemon(SIGKILL);
  lab.start(config_of(lab, 600, {7000, 7001}));
  CHECK_FALSE(waits(lab));
  CHECK(goes.flows());
}

TEST_CASE("a daemon that ends in order undoes an unconfirmed change before") {
  if (!require_root()) return;
  GatewayLab lab{"confterm"};
  CAPTURE(lab.log());
  const std::string before = host_state(lab);
  lab.start(config_of(lab, 600));
  lab.end_daemon(SIGTERM);
  CHECK(difference(before, host_state(lab)) == "");

  lab.start(config_of(lab, 0, {7000, 7001}));
  UdpStream goes{lab, 7001};
  REQUIRE(goes.flows());
  json leaving = config_of(lab, 600);
  leaving["safety"]["on_exit"] = "detach";
  put(lab, leaving);
  lab.end_daemon(SIGTERM);
  CHECK(has_xdp(lab));  // as the restored configuration says
  CHECK(goes.flows());
  lab.start(config_of(lab, 0, {7000, 7001}));
  put(lab, config_of(lab, 600));
  CHECK(command(lab, "down").status == 0);
  CHECK(difference(before, host_state(lab)) == "");
}
