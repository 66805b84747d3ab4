// A gateway that was started in a mount namespace of its own, as `ip netns exec` makes it: its pins are the host's.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "harness/host_state.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

TEST_CASE("a gateway started by ip netns exec outlives its daemon, and is taken down from anywhere") {
  if (!require_root()) return;
  GatewayLab lab{"lifemounts"};
  const std::string before = host_state(lab);
  std::ofstream(lab.config_file()) << lab.config(kAllowOut);
  const std::string inside = "ip netns exec " + lab.gateway.name() + " " + TWINPATH_PROGRAM;
  const auto up = [&] { return run_command(inside + " up -c " + lab.config_file()); };
  const auto forwards = [&] {
    return eventually([&] { return lab.client.attempt("ping -q -c 1 -W 1 10.2.0.2").status == 0; });
  };
  const CommandOutput started = up();
  REQUIRE_MESSAGE(started.status == 0, started.output);
  CHECK(forwards());
  const auto daemon = json::parse(std::ifstream("/run/twinpath/" + lab.name() + ".json"))["pid"].get<pid_t>();
  REQUIRE(::kill(daemon, SIGKILL) == 0);
  CHECK(eventually([&] { return ::kill(daemon, 0) != 0; }));
  CHECK(std::filesystem::exists("/sys/fs/bpf/twinpath/" + lab.name() + "/link_lan0"));
  CHECK(forwards());
  bool from_inside = false;
  SUBCASE("taken down from the host") {}
  SUBCASE("started again and taken down from inside") {
    from_inside = true;
    CHECK(up().status == 0);  // adopts what forwards
    CHECK(forwards());
  }
  const CommandOutput down = from_inside ? run_command(inside + " -n " + lab.name() + " down")
                                         : run_command(std::string(TWINPATH_PROGRAM) + " --netns " +
                                                       lab.gateway.name() + " -n " + lab.name() + " down");
  CHECK_MESSAGE(down.status == 0, down.output);
  CHECK(difference(before, host_state(lab)) == "");
  (void)run_command("rm -f /run/twinpath/" + lab.name() + "*.log");
}
