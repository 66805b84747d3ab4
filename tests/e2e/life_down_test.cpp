// Ways to end a gateway, and what is left of it.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>

#include "harness/host_state.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

json config_of(const GatewayLab& lab, const char* on_exit) {
  json config = lab.config(R"([{"name": "all", "from": "inside", "to": "outside", "action": "allow"}])");
  config["safety"] = {{"on_exit", on_exit}};
  return config;
}

bool has_xdp(const GatewayLab& lab) { return has(lab.gateway.run("ip link show lan0"), "xdp"); }

}  // namespace

TEST_CASE("down leaves the host exactly as it was found, alive or killed, and says so the second time") {
  if (!require_root()) return;
  GatewayLab lab{"lifedown"};
  CAPTURE(lab.log());
  lab.client.run("ethtool -K eth0 gro off tx on");
  lab.server.run("ethtool -K eth0 tx off");  // what the operator has changed before is not changed back
  const std::string before = host_state(lab);
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    lab.start(config_of(lab, "keep"));
    CHECK(has_xdp(lab));
    CHECK(host_state(lab) != before);
    if (killed) lab.end_daemon(SIGKILL);
    const CommandOutput down = command(lab, "down");
    CHECK(down.status == 0);
    CHECK(has(down.output, lab.name() + ": down"));
    CHECK(difference(before, host_state(lab)) == "");
    const CommandOutput again = command(lab, "down");
    CHECK(again.status == 0);
    CHECK(has(again.output, "down already; nothing was left"));
    CHECK(difference(before, host_state(lab)) == "");
    lab.end_daemon(SIGKILL);  // reaps it
  }
}

TEST_CASE("a signal ends the daemon as safety.on_exit says") {
  if (!require_root()) return;
  GatewayLab lab{"lifesig"};
  CAPTURE(lab.log());
  const std::string before = host_state(lab);
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    lab.start(config_of(lab, "keep"));
    const int kept = lab.end_daemon(signal);
    CHECK(WIFEXITED(kept));
    CHECK(WEXITSTATUS(kept) == 0);
    CHECK(has_xdp(lab));
    CHECK_FALSE(std::ifstream(lab.socket()).good());

    lab.start(config_of(lab, "detach"));  // adopts what was kept
    CHECK(lab.get("/v1/status")["adopted"] == true);
    const int detached = lab.end_daemon(signal);
    CHECK(WEXITSTATUS(detached) == 0);
    CHECK(difference(before, host_state(lab)) == "");
  }
}

TEST_CASE("a signal during the start does not leave half a gateway") {
  if (!require_root()) return;
  GatewayLab lab{"lifeearly"};
  const std::string before = host_state(lab);
  std::ofstream(lab.config_file()) << config_of(lab, "detach");
  const std::string run =
      std::string(TWINPATHD_PROGRAM) + " --config " + lab.config_file() + " --netns " + lab.gateway.name();
  for (const char* delay : {"0.02", "0.1", "0.3", "0.8"}) {
    CAPTURE(delay);
    const CommandOutput ended = run_command("timeout -s INT " + std::string(delay) + " " + run);
    CAPTURE(ended.output);
    CHECK((ended.status == 124 || ended.status == 130));  // timeout's, whatever the daemon's was
    CHECK(difference(before, host_state(lab)) == "");
  }
}

TEST_CASE("down works without the journal's offloads: what cannot be undone is said, the rest is undone") {
  if (!require_root()) return;
  GatewayLab lab{"lifejournal"};
  lab.start(config_of(lab, "keep"));
  lab.end_daemon(SIGKILL);
  std::ofstream("/run/twinpath/" + lab.name() + ".json") << "{ cut off";
  const auto refused = lab.try_start(config_of(lab, "keep"));
  REQUIRE(refused);
  CHECK(has(*refused, lab.name() + ".json"));
  CHECK(has_xdp(lab));
  const CommandOutput down = command(lab, "down");
  CHECK(down.status == 1);
  CHECK(has(down.output, "offloads and sysctls are not restored"));
  CHECK_FALSE(has_xdp(lab));
  CHECK(has(command(lab, "down").output, "nothing was left"));
}
