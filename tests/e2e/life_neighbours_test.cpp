// What the gateway does to Linux's table of neighbours while it runs, and what it leaves there.
#include <doctest/doctest.h>

#include <csignal>
#include <map>
#include <sstream>

#include "harness/host_state.hpp"
#include "harness/packet.hpp"
#include "harness/talk.hpp"
#include "harness/text.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

// By address: "managed", "" or what else it is for ever. States come and go by themselves.
std::map<std::string, std::string> neighbours(const GatewayLab& lab) {
  std::map<std::string, std::string> found;
  std::istringstream in(lab.gateway.run("ip neigh show dev wan0; ip neigh show dev lan0"));
  for (std::string line; std::getline(in, line);)
    found[line.substr(0, line.find(' '))] = has(line, "managed")     ? "managed"
                                            : has(line, "PERMANENT") ? "permanent"
                                                                     : "ordinary";
  return found;
}

std::string text(const std::map<std::string, std::string>& all) {
  std::string lines;
  for (const auto& [address, what] : all) lines += address + " " + what + "\n";
  return lines;
}

void without_ipv6(const GatewayLab& lab) {
  for (const TestNamespace* part : {&lab.client, &lab.gateway, &lab.server})
    part->run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
}

// Linux gives up after three tries 200 ms apart.
void impatient(const GatewayLab& lab) { lab.gateway.run("echo 200 > /proc/sys/net/ipv4/neigh/wan0/retrans_time_ms"); }

void learn(const GatewayLab& lab) { lab.gateway.run("ping -q -c 1 -W 5 10.1.0.2 && ping -q -c 1 -W 5 10.2.0.2"); }

// Fragile flows: nothing uses a dead neighbour for long.
json config_of(const GatewayLab& lab) {
  json config = lab.config(kAllowOut);
  config["flows"]["timeouts"] = {{"icmp_s", 2}, {"udp_s", 2}, {"udp_stream_s", 2}};
  return config;
}

}  // namespace

TEST_CASE("down leaves Linux's neighbours as up found them, also after a daemon that was killed") {
  if (!require_root()) return;
  bool killed = false;
  SUBCASE("ended") {}
  SUBCASE("killed") { killed = true; }
  GatewayLab lab{"neighdown"};
  CAPTURE(lab.log());
  without_ipv6(lab);
  impatient(lab);
  lab.server.run("ip address add 10.2.0.3/24 dev eth0");
  learn(lab);
  lab.gateway.run("ip neigh add 10.2.0.77 dev wan0 managed; ip neigh add 10.2.0.78 lladdr 02:74:77:00:02:02 dev wan0");
  const std::string before = text(neighbours(lab));
  REQUIRE(has(before, "10.2.0.77 managed"));
  lab.start(config_of(lab));
  for (const char* address : {"10.2.0.2", "10.2.0.3", "10.2.0.78"})
    CHECK(lab.client.attempt(std::string("ping -q -c 2 -i 0.2 -W 5 ") + address).status == (address[8] == '8' ? 1 : 0));
  (void)lab.client.attempt("ping -q -c 1 -W 1 10.2.0.99");  // nobody
  CHECK(eventually([&] { return neighbours(lab)["10.2.0.2"] == "managed"; }));
  CHECK(has(text(neighbours(lab)), "10.2.0.3 managed"));
  CHECK(has(text(neighbours(lab)), "10.2.0.99"));
  if (killed) lab.end_daemon(SIGKILL);
  lab.clean();
  CHECK(text(neighbours(lab)) == before);
}

TEST_CASE("a neighbour that does not answer is given up when no flow uses it any more") {
  if (!require_root()) return;
  GatewayLab lab{"neighdead"};
  CAPTURE(lab.log());
  without_ipv6(lab);
  impatient(lab);
  lab.start(config_of(lab));
  CHECK(lab.client.attempt("ping -q -c 1 -W 2 10.2.0.99").status != 0);
  CHECK(has(text(neighbours(lab)), "10.2.0.99"));
  CHECK(eventually([&] { return !has(text(neighbours(lab)), "10.2.0.99"); }, std::chrono::seconds{60}));
  lab.server.run("ip address add 10.2.0.99/24 dev eth0");
  CHECK(eventually([&] { return lab.client.attempt("ping -q -c 1 -W 1 10.2.0.99").status == 0; }));
}

TEST_CASE("a scan of the network behind a port does not fill Linux's table of neighbours") {
  if (!require_root()) return;
  GatewayLab lab{"neighscan"};
  CAPTURE(lab.log());
  without_ipv6(lab);
  lab.gateway.run("ip address add 10.3.0.1/16 dev wan0");
  learn(lab);
  lab.start(config_of(lab));
  const Sender client{lab.client, "eth0"};
  const Eth link{.dst = lab_mac(1, 1), .src = lab_mac(1, 2)};
  std::size_t most = 0;
  for (int i = 0; i < 600; ++i) {
    const Ip4 to{std::array<std::uint8_t, 4>{10, 3, static_cast<std::uint8_t>(1 + i / 200),
                                             static_cast<std::uint8_t>(1 + i % 200)}};
    client.send((link / Ipv4{.src = "10.1.0.2", .dst = to} / Udp{.sport = 999, .dport = 9} / Payload(8)).bytes());
    if (i % 50 == 49) most = std::max(most, neighbours(lab).size());
  }
  CHECK(eventually([&] {
    most = std::max(most, neighbours(lab).size());
    return most > 200;
  }));
  CHECK(most < 300);
  CHECK(has(lab.get("/v1/status")["problems"].dump(), "does somebody scan"));
  CHECK(eventually([&] { return neighbours(lab).size() < 10; }, std::chrono::seconds{90}));
  CHECK(eventually([&] { return lab.get("/v1/status")["problems"].empty(); }));
  lab.server.run("ip address add 10.3.3.200/16 dev eth0");
  CHECK(eventually([&] { return lab.client.attempt("ping -q -c 1 -W 1 10.3.3.200").status == 0; }));
}
