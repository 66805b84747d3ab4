// -n: gateways made from one document, each with the name that the command line gives it.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "harness/host_state.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

// `twinpath` in the lab's network namespace, for the gateway named like the lab.
CommandOutput twinpath_in(const GatewayLab& lab, const std::string& command) {
  return run_command(TWINPATH_PROGRAM " --netns " + lab.gateway.name() + " -n " + lab.name() + " " + command);
}

std::string socket_of(const GatewayLab& lab) { return "/run/twinpath/" + lab.name() + ".sock"; }

}  // namespace

TEST_CASE("two gateways from one document have a socket, a journal and pins each, and reload by their name") {
  if (!require_root()) return;
  GatewayLab first{"lifenamea"}, second{"lifenameb"};
  const std::string before_first = host_state(first), before_second = host_state(second);
  json document = first.config();
  document["name"] = "edge";
  document.erase("api");  // the socket's default path
  const std::string file = first.config_file();
  std::ofstream(file) << document;
  for (const GatewayLab* lab : {&first, &second}) {
    const CommandOutput up = twinpath_in(*lab, "up -c " + file);
    CAPTURE(up.output);
    REQUIRE(up.status == 0);
  }
  for (const GatewayLab* lab : {&first, &second}) {
    CHECK(std::filesystem::exists(socket_of(*lab)));
    const json status = json::parse(run_command(TWINPATH_PROGRAM " -n " + lab->name() + " --json status").output);
    CHECK(status["name"] == lab->name());
    CHECK(status["netns"] == lab->gateway.name());
    const CommandOutput reloaded = twinpath_in(*lab, "reload -c " + file);
    CAPTURE(reloaded.output);
    CHECK(reloaded.status == 0);
  }
  CHECK_FALSE(std::filesystem::exists("/run/twinpath/edge.sock"));
  CHECK(twinpath_in(first, "down").status == 0);
  CHECK(run_command(TWINPATH_PROGRAM " -n " + second.name() + " status").status == 0);
  CHECK(twinpath_in(second, "down").status == 0);
  for (const GatewayLab* lab : {&first, &second}) (void)run_command("rm -f /run/twinpath/" + lab->name() + ".log");
  CHECK(difference(before_first, host_state(first)) == "");
  CHECK(difference(before_second, host_state(second)) == "");
}

TEST_CASE("a network namespace that is not there, or not the gateway's, is refused by every command") {
  if (!require_root()) return;
  GatewayLab lab{"lifenetns"};
  const TestNamespace other{"lifenetns-other"};
  lab.start(lab.config());
  for (const char* asked : {"status", "ports", "rules", "zones", "drops", "policies", "confirm", "down"}) {
    CAPTURE(asked);
    const CommandOutput nowhere = command(lab, std::string("--netns nosuch ") + asked);
    CHECK(nowhere.status == 1);
    CHECK(nowhere.output == "twinpath: there is no network namespace \"nosuch\" in /run/netns\n");
    const CommandOutput elsewhere = command(lab, "--netns " + other.name() + " " + asked);
    CHECK(elsewhere.status == 1);
    CHECK(elsewhere.output == "twinpath: gateway \"" + lab.name() + "\" is in network namespace \"" +
                                  lab.gateway.name() + "\", not in \"" + other.name() + "\"\n");
  }
  for (const std::string file : {"check -c ", "reload -c ", "up -c "})
    CHECK(command(lab, "--netns nosuch " + file + lab.config_file()).status == 1);
  CHECK(command(lab, "--netns " + other.name() + " reload -c " + lab.config_file()).status == 1);
  CHECK(command(lab, "--netns " + lab.gateway.name() + " status").status == 0);
  CHECK(lab.get("/v1/status")["name"] == lab.name());
}
