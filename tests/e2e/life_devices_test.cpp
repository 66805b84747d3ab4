// Devices of ports that are joined to others, go, come back, and change while the gateway runs.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>

#include "base/fd.hpp"
#include "harness/host_state.hpp"
#include "harness/stream.hpp"
#include "harness/talk.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

json port_of(const GatewayLab& lab, std::size_t index) { return lab.get("/v1/ports")["ports"][index]; }
std::string problems(const GatewayLab& lab, std::size_t index = 0) { return port_of(lab, index)["problems"].dump(); }

// As `ip link` says it: "xdp", "xdpgeneric", or nothing.
std::string xdp_on(const GatewayLab& lab, const std::string& device) {
  const std::string link = lab.gateway.attempt("ip link show " + device).output;
  if (has(link, " xdpgeneric")) return "xdpgeneric";
  return has(link, " xdp") ? "xdp" : "";
}

bool pings(const GatewayLab& lab, const std::string& address) {
  return lab.client.attempt("ping -q -c 1 -W 1 " + address).status == 0;
}

// The client's wire, made anew as GatewayLab made it.
void make_lan0(const GatewayLab& lab) {
  lab.gateway.run("ip link add lan0 address 02:74:77:00:01:01 type veth peer name eth0 netns " + lab.client.path() +
                  " address 02:74:77:00:01:02");
  lab.gateway.run("ip address add 10.1.0.1/24 dev lan0 && ip link set lan0 up");
  lab.client.run("ip address add 10.1.0.2/24 dev eth0 && ip link set eth0 up && ip route add default via 10.1.0.1");
}

std::size_t open_files(const GatewayLab& lab) {
  const std::string folder = "/proc/" + std::to_string(lab.pid()) + "/fd";
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

// The host zone drops everything: what answers a ping of the gateway has bypassed it.
json guarded(const GatewayLab& lab, const char* attach = "native") {
  json config = lab.config(kAllowOut);
  config["zones"]["host"]["default"] = "drop";
  for (json& port : config["ports"]) port["attach"] = attach;
  return config;
}

// True when the program was on lan0 within 100 ms. More is given on a busy machine, and counted by the caller.
bool attached_soon(const GatewayLab& lab) {
  for (int i = 0; i < 10; ++i) {
    if (!xdp_on(lab, "lan0").empty()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

}  // namespace

TEST_CASE("up refuses a device without Ethernet and a member of a bridge, and says what to do") {
  if (!require_root()) return;
  GatewayLab lab{"devicesfit"};
  json config = lab.config(kAllowOut);
  lab.gateway.run("ip tuntap add dev vpn0 mode tun && ip link set vpn0 up");
  config["ports"][1]["device"] = "vpn0";
  for (const char* attach : {"native", "generic", "auto"}) {
    config["ports"][1]["attach"] = attach;
    const auto refused = lab.try_start(config);
    REQUIRE(refused);
    CAPTURE(*refused);
    CHECK(has(*refused, "port wan: vpn0 carries no Ethernet (link/none, tun)"));
  }
  lab.gateway.run("ip link add br0 type bridge && ip link set wan0 master br0");
  config["ports"][1] = lab.config()["ports"][1];
  const auto refused = lab.try_start(config);
  REQUIRE(refused);
  CHECK(has(*refused, "port wan: wan0 is a member of the bridge br0"));
  CHECK(has(*refused, "ip link set wan0 nomaster"));
  lab.gateway.run("ip link set wan0 nomaster");
  CHECK_FALSE(lab.try_start(config));
}

TEST_CASE("a port that becomes a member of a bridge is shown while it is one") {
  if (!require_root()) return;
  GatewayLab lab{"devicesjoin"};
  CAPTURE(lab.log());
  lab.gateway.run("ip link add br0 type bridge");
  lab.start(lab.config(kAllowOut));
  CHECK(problems(lab) == "[]");
  lab.gateway.run("ip link set lan0 master br0");
  CHECK(eventually([&] { return has(problems(lab), "lan0 is a member of the bridge br0"); }));
  lab.gateway.run("ip link set lan0 nomaster");
  CHECK(eventually([&] { return problems(lab) == "[]"; }));
}

TEST_CASE("a device that is made anew is attached again, however often, and nothing is left of the earlier ones") {
  if (!require_root()) return;
  const char* attach = "native";
  SUBCASE("native") {}
  SUBCASE("generic") { attach = "generic"; }
  GatewayLab lab{"devicesanew"};
  CAPTURE(lab.log());
  lab.start(guarded(lab, attach));
  REQUIRE(eventually([&] { return pings(lab, "10.2.0.2"); }));
  std::size_t files = 0;
  int soon = 0;
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    lab.gateway.run("ip link del lan0");
    CHECK(eventually([&] { return has(problems(lab), "device lan0 is gone"); }));
    CHECK(port_of(lab, 0)["link"] == "down");
    CHECK(port_of(lab, 0)["sockets"].empty());
    make_lan0(lab);
    soon += attached_soon(lab) ? 1 : 0;
    CHECK(eventually([&] { return xdp_on(lab, "lan0") == (std::string(attach) == "native" ? "xdp" : "xdpgeneric"); }));
    CHECK(eventually([&] { return pings(lab, "10.2.0.2"); }));
    CHECK_FALSE(pings(lab, "10.1.0.1"));  // the rules of the host zone hold
    CHECK(problems(lab) == "[]");
    if (round == 0) files = open_files(lab);
  }
  CHECK(soon >= kRounds / 2);
  CHECK(eventually([&] { return open_files(lab) == files; }));
  const json ledger = lab.get("/v1/status")["ledger"];
  CHECK(ledger["sum"] == ledger["total"]);
  lab.clean();
  CHECK_FALSE(has(lab.client.run("ethtool -k eth0"), "tx-checksum-ip-generic: off"));
}

TEST_CASE("a device that leaves its namespace and comes back with its number is opened anew") {
  if (!require_root()) return;
  GatewayLab lab{"devicesmove"};
  CAPTURE(lab.log());
  const TestNamespace elsewhere{lab.name() + "-else"};
  lab.start(guarded(lab));
  REQUIRE(eventually([&] { return pings(lab, "10.2.0.2"); }));
  for (const bool seen : {true, false}) {
    CAPTURE(seen);
    lab.gateway.run("ip link set lan0 netns " + elsewhere.path());
    if (seen) {
      CHECK(eventually([&] { return has(problems(lab), "device lan0 is gone"); }));
      CHECK_FALSE(has(elsewhere.run("ip link show lan0"), "xdp"));
    }
    elsewhere.run("ip link set lan0 netns " + lab.gateway.path());
    lab.gateway.run("ip address add 10.1.0.1/24 dev lan0 && ip link set lan0 up");
    CHECK(eventually([&] { return pings(lab, "10.2.0.2"); }));
    CHECK_FALSE(pings(lab, "10.1.0.1"));
    CHECK(eventually([&] { return problems(lab) == "[]"; }));
  }
}

TEST_CASE("a port follows its device's name") {
  if (!require_root()) return;
  GatewayLab lab{"devicesname"};
  CAPTURE(lab.log());
  lab.start(lab.config(R"([{"name": "all", "from": "any", "to": "any", "action": "allow"}])"));
  REQUIRE(eventually([&] { return pings(lab, "10.2.0.2"); }));
  const auto rename = [&](const std::string& from, const std::string& to) {
    lab.gateway.run("ip link set " + from + " down && ip link set " + from + " name " + to + " && ip link set " + to +
                    " up");
  };
  rename("lan0", "old0");
  CHECK(eventually([&] { return has(problems(lab), "device lan0 is gone (renamed to old0)"); }));
  CHECK(xdp_on(lab, "old0").empty());
  rename("wan0", "lan0");
  rename("old0", "wan0");
  CHECK(eventually([&] { return problems(lab, 0) == "[]" && problems(lab, 1) == "[]"; }));
  CHECK(eventually([&] { return pings(lab, "10.2.0.2"); }));
  CHECK(port_of(lab, 0)["received"]["packets"] != 0);
}

TEST_CASE("a device that comes back unfit says why, and is opened when that is cured") {
  if (!require_root()) return;
  GatewayLab lab{"devicesunfit"};
  CAPTURE(lab.log());
  lab.start(guarded(lab));
  lab.gateway.run("ip link add br0 type bridge && ip link del lan0");
  CHECK(eventually([&] { return has(problems(lab), "is gone"); }));
  lab.gateway.run("ip tuntap add dev lan0 mode tun");
  CHECK(eventually([&] { return has(problems(lab), "cannot be opened: lan0 carries no Ethernet"); }));
  lab.gateway.run("ip link del lan0");
  CHECK(eventually([&] { return has(problems(lab), "is gone"); }));
  make_lan0(lab);
  CHECK(eventually([&] { return pings(lab, "10.2.0.2"); }));
  CHECK(problems(lab) == "[]");
}

TEST_CASE("a program that somebody takes off a port is attached again") {
  if (!require_root()) return;
  GatewayLab lab{"devicesoff"};
  CAPTURE(lab.log());
  lab.start(guarded(lab));
  REQUIRE(eventually([&] { return pings(lab, "10.2.0.2"); }));
  {
    const UniqueFd link{bpf_obj_get(("/sys/fs/bpf/twinpath/" + lab.name() + "/link_lan0").c_str())};
    REQUIRE(link);
    REQUIRE(bpf_link_detach(link.get()) == 0);
  }
  CHECK(eventually([&] { return xdp_on(lab, "lan0") == "xdp"; }));
  CHECK(eventually([&] { return pings(lab, "10.2.0.2"); }));
  CHECK(eventually([&] { return !pings(lab, "10.1.0.1"); }));
  CHECK(has(lab.log(), "was taken off"));
}

TEST_CASE("every queue of a device is served; a device with more than can be is refused, and so is a smaller number") {
  if (!require_root()) return;
  GatewayLab lab{"devicesqueues", 66};
  CAPTURE(lab.log());
  json config = lab.config(R"([{"name": "u", "from": "inside", "to": "outside", "action": "allow", "place": "user"}])");
  const auto many = lab.try_start(config);
  REQUIRE(many);
  CHECK(has(*many, "lan0 has 66 receive queues, and 64 are served"));
  CHECK(has(*many, "ethtool -L lan0 combined 64 (or rx 64)"));
  for (const char* device : {"lan0", "wan0"}) lab.gateway.run("ethtool -L " + std::string(device) + " rx 64 tx 64");
  lab.client.run("ethtool -L eth0 rx 64 tx 64");
  lab.server.run("ethtool -L eth0 rx 64 tx 64");
  config["ports"][0]["queues"] = 16;
  const auto few = lab.try_start(config);
  REQUIRE(few);
  CHECK(has(*few, "lan0 has 64 receive queues, and 16 are served"));
  CHECK(has(*few, R"("queues": "all")"));
  config["ports"][0].erase("queues");
  lab.start(config);
  lab.obtain_next_hops();
  CHECK(port_of(lab, 0)["sockets"].size() == 64);
  const UniqueFd server = udp_at(lab.server, {"10.2.0.2", 9000});
  std::set<std::uint16_t> arrived;
  for (std::uint16_t port = 20000; port < 20256; ++port) {
    const UniqueFd client = udp_at(lab.client, {"10.1.0.2", port});
    udp_send(client.get(), {"10.2.0.2", 9000}, std::vector<std::uint8_t>(20));
    Place from;
    std::size_t size = 0;
    if (udp_receive(server.get(), from, size, 2000)) arrived.insert(from.port);
  }
  CHECK(arrived.size() == 256);
}

TEST_CASE("queues that a device gets at run time are served, and no packet passes by the program on them") {
  if (!require_root()) return;
  GatewayLab lab{"devicesmore", 8};
  CAPTURE(lab.log());
  const std::pair<const TestNamespace*, const char*> ends[] = {
      {&lab.gateway, "lan0"}, {&lab.gateway, "wan0"}, {&lab.client, "eth0"}, {&lab.server, "eth0"}};
  for (const auto& [part, device] : ends) part->run("ethtool -L " + std::string(device) + " rx 2 tx 2");
  lab.gateway.run("sysctl -qw net.ipv4.ip_forward=1");  // Linux would forward what passes by
  lab.start(lab.config(R"([{"name": "u", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 9000,
                            "action": "allow", "place": "user"}])"));
  lab.obtain_next_hops();
  lab.gateway.run("ethtool -L lan0 rx 8");
  lab.client.run("ethtool -L eth0 tx 8");
  CHECK(eventually([&] { return port_of(lab, 0)["sockets"].size() == 8; }));
  CHECK(problems(lab) == "[]");
  const UniqueFd allowed = udp_at(lab.server, {"10.2.0.2", 9000});
  const UniqueFd denied = udp_at(lab.server, {"10.2.0.2", 9001});
  std::size_t arrived = 0;
  for (std::uint16_t port = 20000; port < 20064; ++port) {
    const UniqueFd client = udp_at(lab.client, {"10.1.0.2", port});
    for (const std::uint16_t to : {9000, 9001}) udp_send(client.get(), {"10.2.0.2", to}, std::vector<std::uint8_t>(20));
    Place from;
    std::size_t size = 0;
    arrived += udp_receive(allowed.get(), from, size, 2000) ? 1 : 0;
  }
  CHECK(arrived == 64);
  Place from;
  std::size_t size = 0;
  CHECK_FALSE(udp_receive(denied.get(), from, size, 500));
}
