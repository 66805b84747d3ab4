// Starts over the pins of an earlier daemon: they are adopted where they fit and refused where they do not, and a
// datapath that forwards continues to forward whether the start succeeds or fails.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

#include "harness/host_state.hpp"
#include "harness/stream.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

std::string refusal(GatewayLab& lab, const json& config) {
  const auto refused = lab.try_start(config);
  REQUIRE(refused);
  return *refused;
}

std::string journal_of(const GatewayLab& lab) { return "/run/twinpath/" + lab.name() + ".json"; }

bool has_xdp(const GatewayLab& lab, const std::string& device) {
  return has(lab.gateway.run("ip link show " + device), "xdp");
}

bool replies(const GatewayLab& lab) { return lab.client.attempt("ping -c 1 -W 5 10.2.0.2").status == 0; }

}  // namespace

TEST_CASE("a start that is refused leaves a forwarding datapath as it is") {
  if (!require_root()) return;
  GatewayLab lab{"lifekeep"};
  CAPTURE(lab.log());
  const json good = lab.config(kAllowOut);
  lab.start(good);
  UdpStream udp{lab, 7000};
  REQUIRE(udp.flows());
  lab.end_daemon(SIGKILL);
  const std::string left = host_state(lab);

  json bad = good;
  bad["ports"][1]["device"] = "nosuch0";
  CHECK(has(refusal(lab, bad), "there is no device nosuch0"));
  bad = good;
  bad["flows"] = {{"max_pairs_v4", 2048}};
  CHECK(has(refusal(lab, bad), "down"));
  bad = good;
  bad["api"]["unix"] = "/nonexistent/api.sock";
  CHECK(has(refusal(lab, bad), "/nonexistent/api.sock"));
  CHECK(udp.flows());

  const std::string journal = journal_of(lab);
  std::filesystem::rename(journal, journal + ".away");
  CHECK(has(refusal(lab, good), "is gone: run \"twinpath -n " + lab.name() + " down\" first"));
  std::filesystem::rename(journal + ".away", journal);

  CHECK(udp.flows());
  lab.start(good);
  CHECK(udp.flows());
  CHECK(udp.missing() == 0);
  CHECK(lab.policies("protocol=udp").size() == 1);
}

TEST_CASE("a datapath in another network namespace is not adopted") {
  if (!require_root()) return;
  GatewayLab lab{"lifens"};
  lab.start(lab.config(kAllowOut));
  lab.end_daemon(SIGKILL);
  const TestNamespace other{"lifens-other"};
  other.veth("lan0", other, "lan1");
  other.veth("wan0", other, "wan1");
  const CommandOutput started =
      run_command(std::string(TWINPATHD_PROGRAM) + " --config " + lab.config_file() + " --netns " + other.name());
  CHECK(started.status == 1);
  CHECK(has(started.output, "is forwarding in network namespace \"" + lab.gateway.name() + "\""));
  CHECK(has_xdp(lab, "lan0"));
}

TEST_CASE("a device that was recreated while no daemon ran is attached again") {
  if (!require_root()) return;
  GatewayLab lab{"lifenew"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  CHECK(replies(lab));
  lab.end_daemon(SIGKILL);
  lab.gateway.run("ip link del wan0");
  lab.gateway.run("ip link add wan0 type veth peer name eth0 netns " + lab.server.path());
  lab.gateway.run("ip address add 10.2.0.1/24 dev wan0 && ip link set wan0 up");
  lab.server.run("ip address add 10.2.0.2/24 dev eth0 && ip link set eth0 up && ip route add default via 10.2.0.1");
  lab.start(lab.config(kAllowOut));
  CHECK(has_xdp(lab, "wan0"));
  CHECK(eventually([&] { return replies(lab); }));
}

TEST_CASE("a port that is not in the new configuration is closed") {
  if (!require_root()) return;
  GatewayLab lab{"lifefewer"};
  CAPTURE(lab.log());
  const std::string before = host_state(lab);
  lab.start(lab.config(kAllowOut));
  lab.end_daemon(SIGKILL);
  json fewer = lab.config("[]");
  fewer["ports"].erase(1);
  lab.start(fewer);
  CHECK(has_xdp(lab, "lan0"));
  CHECK_FALSE(has_xdp(lab, "wan0"));
  CHECK_FALSE(std::filesystem::exists("/sys/fs/bpf/twinpath/" + lab.name() + "/link_wan0"));
  CHECK_FALSE(replies(lab));
  lab.end_daemon(SIGKILL);

  lab.start(lab.config(kAllowOut));  // and back
  CHECK(has_xdp(lab, "wan0"));
  CHECK(eventually([&] { return replies(lab); }));
  CHECK(command(lab, "down").status == 0);
  CHECK(difference(before, host_state(lab)) == "");
}

TEST_CASE("tables that a start cut short had pinned are thrown away") {
  if (!require_root()) return;
  GatewayLab lab{"lifecut"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  lab.end_daemon(SIGKILL);
  const std::string pins = "/sys/fs/bpf/twinpath/" + lab.name();
  std::filesystem::remove(pins + "/link_lan0");
  std::filesystem::remove(pins + "/link_wan0");
  json other = lab.config(kAllowOut);
  other["flows"] = {{"max_pairs_v4", 2048}};  // does not fit the tables that are there
  lab.start(other);
  CHECK(lab.get("/v1/status")["adopted"] == false);
  CHECK(replies(lab));
}
