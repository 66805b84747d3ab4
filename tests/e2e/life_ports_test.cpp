// Ports and zones are added, removed and changed while packets pass.
#include <doctest/doctest.h>

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

std::string journal_file(const GatewayLab& lab) { return "/run/twinpath/" + lab.name() + ".json"; }
json journal_of(const GatewayLab& lab) { return json::parse(std::ifstream(journal_file(lab))); }

json rule(const char* name, const char* from, const char* to, const char* protocol, int port, const char* place) {
  return {{"name", name},      {"from", from},   {"to", to},    {"protocol", protocol}, {"destination_port", port},
          {"action", "allow"}, {"place", place}, {"log", false}};
}

// A host behind a device of the gateway that is no port at first: dmz0 10.3.0.1 ─── eth0 10.3.0.2.
class ThirdHost : public TestNamespace {
 public:
  explicit ThirdHost(const GatewayLab& lab, const std::string& device = "dmz0", int number = 3)
      : TestNamespace(lab.name() + "-" + device), lab_(lab), device_(device) {
    const std::string net = "10." + std::to_string(number) + ".0.";
    run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    lab.gateway.veth(device, *this, "eth0");
    lab.gateway.run("ip address add " + net + "1/24 dev " + device);
    run("ip address add " + net + "2/24 dev eth0 && ip route add default via " + net + "1");
    lab.gateway.run("ping -q -c 1 -W 10 " + net + "2");
  }
  ~ThirdHost() { (void)lab_.gateway.attempt("ip link del " + device_); }

  [[nodiscard]] std::string state() const {
    return lab_.gateway.run("ip -details link show " + device_ + kQuiet + "; ethtool -k " + device_) +
           run("ethtool -k eth0");
  }
  [[nodiscard]] bool has_xdp() const { return has(lab_.gateway.run("ip link show " + device_), "xdp"); }

 private:
  const GatewayLab& lab_;
  std::string device_;
};

json with_dmz(const json& config) {
  json more = config;
  more["ports"].push_back({{"name", "dmz"}, {"device", "dmz0"}, {"zone", "dmz"}});
  more["rules"].push_back(rule("to-dmz", "inside", "dmz", "tcp", 80, "auto"));
  more["rules"].push_back(rule("to-dmz-user", "inside", "dmz", "tcp", 81, "user"));
  more["rules"].push_back(rule("dmz-out", "dmz", "outside", "udp", 7000, "auto"));
  return more;
}

rest::Reply put(const GatewayLab& lab, const json& config, const char* query = "") {
  return lab.request("PUT", std::string("/v1/config") + query, config.dump());
}

void reload(const GatewayLab& lab, const json& config) {
  const rest::Reply reply = put(lab, config);
  REQUIRE_MESSAGE(reply.status == 200, reply.body);
}

// Two mebibytes of noise over a new connection from the lab's client.
bool tcp_works(const GatewayLab& lab, const TestNamespace& server, const std::string& address, std::uint16_t port) {
  const UniqueFd listening = tcp_listen(server, {address, port});
  const UniqueFd client = tcp_connect(lab.client, {"10.1.0.2", 0}, {address, port});
  const UniqueFd accepted = tcp_accept(listening.get());
  return noise_arrives(client.get(), accepted.get(), 2) && noise_arrives(accepted.get(), client.get(), 2);
}

// Does a datagram arrive? Repeated, since the first ones may wait for a neighbour; earlier datagrams are not counted.
bool arrives(const TestNamespace& from, const Place& here, int server, const Place& there, int tries = 50) {
  const UniqueFd client = udp_at(from, here);
  const std::vector<std::uint8_t> payload(32);
  Place source;
  std::size_t size = 0;
  while (udp_receive(server, source, size, 50)) continue;
  for (int i = 0; i < tries; ++i) {
    udp_send(client.get(), there, payload);
    while (udp_receive(server, source, size, 100))
      if (source.address == here.address && source.port == here.port) return true;
  }
  return false;
}

bool ledger_adds_up(const GatewayLab& lab) {
  const json ledger = lab.get("/v1/status")["ledger"];
  return ledger["sum"] == ledger["total"];
}

std::uint64_t frames_out(const GatewayLab& lab) {
  const json ledger = lab.get("/v1/status")["ledger"];
  return ledger["fill"].get<std::uint64_t>() + ledger["rx"].get<std::uint64_t>();
}

std::vector<std::string> port_names(const GatewayLab& lab) {
  std::vector<std::string> names;
  const json ports = lab.get("/v1/ports")["ports"];
  for (const json& port : ports) names.push_back(port["name"]);
  return names;
}

json base(const GatewayLab& lab) {
  json config = lab.config();
  config["rules"] = {rule("stream", "inside", "outside", "udp", 7000, "auto"),
                     rule("looked-at", "inside", "outside", "udp", 7002, "user")};
  return config;
}

}  // namespace

TEST_CASE("a reload adds a port that works in both datapaths, another removes it, and other ports lose no packet") {
  if (!require_root()) return;
  GatewayLab lab{"ports"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  const std::string found = dmz.state();
  const json config = base(lab);
  lab.start(config);
  lab.obtain_next_hops();
  UdpStream kernel{lab, 7000};
  UdpStream user{lab, 7002};
  REQUIRE(kernel.flows());
  REQUIRE(user.flows());
  const std::uint64_t frames = frames_out(lab);

  reload(lab, with_dmz(config));
  CHECK(port_names(lab) == std::vector<std::string>{"lan", "wan", "dmz"});
  CHECK(dmz.has_xdp());
  CHECK(frames_out(lab) > frames);
  CHECK(tcp_works(lab, dmz, "10.3.0.2", 80));
  const std::uint64_t seen = lab.engine_received();
  CHECK(tcp_works(lab, dmz, "10.3.0.2", 81));
  CHECK(lab.engine_received() >= seen + 2000);  // four mebibytes are more frames than that, and the stream adds its own
  const UniqueFd server = udp_at(lab.server, {"10.2.0.2", 7100});
  json out = with_dmz(config);
  out["rules"].push_back(rule("dmz-more", "dmz", "outside", "udp", 7100, "auto"));
  reload(lab, out);
  CHECK(arrives(dmz, {"10.3.0.2", 5000}, server.get(), {"10.2.0.2", 7100}));

  reload(lab, config);
  CHECK(port_names(lab) == std::vector<std::string>{"lan", "wan"});
  CHECK_FALSE(std::filesystem::exists("/sys/fs/bpf/twinpath/" + lab.name() + "/link_dmz0"));
  CHECK(difference(found, dmz.state()) == "");
  CHECK(ledger_adds_up(lab));
  CHECK(eventually([&] { return frames_out(lab) == frames; }));
  CHECK_FALSE(arrives(dmz, {"10.3.0.2", 5000}, server.get(), {"10.2.0.2", 7100}, 5));

  CHECK(kernel.flows(1000));
  CHECK(user.flows(1000));
  CHECK(kernel.missing() == 0);
  CHECK(user.missing() == 0);
}

TEST_CASE("flows to a removed port stop with the next packet, and continue when the port is added again") {
  if (!require_root()) return;
  GatewayLab lab{"portsgone"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  json more = with_dmz(base(lab));
  more["rules"].push_back(rule("dgram", "inside", "dmz", "udp", 7200, "auto"));
  lab.start(more);
  const UniqueFd server = udp_at(dmz, {"10.3.0.2", 7200});
  REQUIRE(arrives(lab.client, {"10.1.0.2", 6000}, server.get(), {"10.3.0.2", 7200}));
  const std::uint64_t before = lab.drops("egress_not_a_port");

  json less = more;
  less["ports"].erase(2);
  less["zones"]["dmz"] = json::object();  // rules still name it
  reload(lab, less);
  CHECK_FALSE(arrives(lab.client, {"10.1.0.2", 6000}, server.get(), {"10.3.0.2", 7200}, 5));
  CHECK(lab.drops("egress_not_a_port") >= before + 5);
  CHECK(ledger_adds_up(lab));

  reload(lab, more);
  CHECK(arrives(lab.client, {"10.1.0.2", 6000}, server.get(), {"10.3.0.2", 7200}));
}

TEST_CASE("a port that moves to another zone is subject to that zone's rules, and other ports lose no packet") {
  if (!require_root()) return;
  GatewayLab lab{"portsmove"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  json config = with_dmz(base(lab));
  lab.start(config);
  lab.obtain_next_hops();
  UdpStream stream{lab, 7000};
  REQUIRE(stream.flows());
  UniqueFd server = udp_at(lab.server, {"10.2.0.2", 7002});
  CHECK_FALSE(arrives(dmz, {"10.3.0.2", 5000}, server.get(), {"10.2.0.2", 7002}, 3));  // only "inside" may go there

  json moved = config;
  moved["ports"][2]["zone"] = "inside";
  moved["zones"]["dmz"] = json::object();  // rules still name it
  reload(lab, moved);
  CHECK(arrives(dmz, {"10.3.0.2", 5000}, server.get(), {"10.2.0.2", 7002}));
  const json zones = lab.get("/v1/zones")["zones"];
  CHECK(has(zones.dump(), R"("name":"inside","ports":["lan","dmz"])"));

  reload(lab, config);
  CHECK_FALSE(arrives(dmz, {"10.3.0.2", 5000}, server.get(), {"10.2.0.2", 7002}, 5));
  CHECK(stream.flows(1000));
  CHECK(stream.missing() == 0);
}

// A denies what comes from the client's port in zone "guest" and would allow it from "inside"; B has the port there,
// and denies that. The new zone under the old rules would allow, and so would the old zone under the new rules.
TEST_CASE("no packet sees its port's zone of one configuration and the rules of another") {
  if (!require_root()) return;
  GatewayLab lab{"portsflip"};
  CAPTURE(lab.log());
  json a = lab.config();
  a["ports"][0]["zone"] = "guest";
  a["zones"]["guest"] = json::object();
  a["rules"] = {rule("open", "inside", "outside", "udp", 7100, "auto")};
  json b = a;
  b["ports"][0]["zone"] = "inside";
  b["rules"][0]["from"] = "guest";
  lab.start(a);
  lab.obtain_next_hops();
  UdpStream denied{lab, 7100};
  for (int flip = 0; flip < 100; ++flip) reload(lab, flip % 2 == 0 ? b : a);
  CHECK(denied.received() == 0);
  CHECK(lab.policies("port=7100").empty());
  b["rules"][0]["from"] = "inside";
  reload(lab, b);
  CHECK(denied.flows());
}

// Thirty zones have all the numbers there are, so the next name takes that of one which is not wanted: "inside".
TEST_CASE("a zone that gets the number of an earlier one does not get its flows") {
  if (!require_root()) return;
  GatewayLab lab{"portszone"};
  CAPTURE(lab.log());
  json config = base(lab);
  for (int i = 0; i < 28; ++i) config["zones"]["z" + std::to_string(i)] = json::object();
  lab.start(config);
  {
    UdpStream stream{lab, 7000};
    REQUIRE(stream.flows());
  }
  REQUIRE(lab.policies("zone=inside").size() == 1);
  json other = lab.config();
  other["ports"][0]["zone"] = "new";
  other["zones"].erase("inside");
  other["rules"] = {rule("stream", "new", "outside", "udp", 7000, "auto")};
  reload(lab, other);
  CHECK(lab.policies().empty());
  UdpStream stream{lab, 7000};
  CHECK(stream.flows());
  CHECK(lab.policies("zone=new").size() == 1);
}

TEST_CASE("a daemon that was killed before it had deleted the flows of an earlier zone leaves that to the next one") {
  if (!require_root()) return;
  GatewayLab lab{"portskill"};
  CAPTURE(lab.log());
  lab.start(base(lab));
  {
    UdpStream stream{lab, 7000};
    REQUIRE(stream.flows());
  }
  REQUIRE(lab.policies("zone=inside").size() == 1);
  lab.end_daemon(SIGKILL);
  const auto zone = journal_of(lab)["numbers"]["zones"]["inside"].get<std::uint8_t>();
  json journal = journal_of(lab);
  journal["reassigned_zones"] = {zone};
  std::ofstream(journal_file(lab)) << journal;

  lab.start(base(lab));
  CHECK(lab.policies().empty());
  CHECK(journal_of(lab)["reassigned_zones"].empty());
}

TEST_CASE("no table is changed before the journal has the new numbers") {
  if (!require_root()) return;
  GatewayLab lab{"portsnote"};
  CAPTURE(lab.log());
  lab.start(base(lab));
  const json numbers = journal_of(lab)["numbers"];
  const json generation = lab.get("/v1/status")["generation"];
  json other = base(lab);
  other["zones"]["new"] = json::object();
  std::filesystem::create_directory(journal_file(lab) + ".new");  // so that the journal cannot be written
  const rest::Reply refused = lab.request("PUT", "/v1/config", other.dump());
  std::filesystem::remove(journal_file(lab) + ".new");
  CHECK(refused.status == 500);
  CHECK(lab.get("/v1/status")["generation"] == generation);
  CHECK(journal_of(lab)["numbers"] == numbers);
  reload(lab, other);
  CHECK(lab.get("/v1/status")["generation"] != generation);
  CHECK(journal_of(lab)["numbers"]["zones"].contains("new"));
}

TEST_CASE("a reload with one good new port and one bad device changes nothing") {
  if (!require_root()) return;
  GatewayLab lab{"portsbad"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  lab.gateway.run("ip link add br0 type bridge && ip link set br0 up");
  const json config = base(lab);
  lab.start(config);
  UdpStream stream{lab, 7000};
  REQUIRE(stream.flows());
  const auto state = [&] { return host_state(lab) + dmz.state(); };
  const std::string before = state();
  const json running = lab.get("/v1/config");
  const json generation = lab.get("/v1/status")["generation"];
  const std::uint64_t frames = frames_out(lab);
  const struct {
    const char* device;
    const char* said;
  } cases[] = {
      {"nosuch0", "there is no device nosuch0"},
      {"lo", "loopback"},
      {"br0", "br0"},  // has no native XDP, which is found out after the good port was attached
  };
  for (const auto& c : cases) {
    CAPTURE(c.device);
    json bad = with_dmz(config);
    bad["ports"].push_back({{"name", "bad"}, {"device", c.device}, {"zone", "dmz"}});
    const rest::Reply reply = put(lab, bad);
    CAPTURE(reply.body);
    CHECK(reply.status == 422);
    CHECK(json::parse(reply.body)["error"]["path"] == "ports[3]");
    CHECK(has(reply.body, c.said));
    CHECK(difference(before, state()) == "");
    CHECK(lab.get("/v1/config") == running);
    CHECK(lab.get("/v1/status")["generation"] == generation);
    CHECK(port_names(lab) == std::vector<std::string>{"lan", "wan"});
    CHECK(ledger_adds_up(lab));
    CHECK(eventually([&] { return frames_out(lab) == frames; }));
  }
  reload(lab, with_dmz(config));  // the good port alone can still be added
  CHECK(tcp_works(lab, dmz, "10.3.0.2", 80));
  CHECK(stream.flows());
  CHECK(stream.missing() == 0);
}

TEST_CASE("a change of a setting that a port was opened with is refused by the name of its key") {
  if (!require_root()) return;
  GatewayLab lab{"portskey"};
  CAPTURE(lab.log());
  const json config = base(lab);
  lab.start(config);
  const json generation = lab.get("/v1/status")["generation"];
  const std::pair<const char*, json> cases[] = {
      {"attach", "generic"}, {"sockets", "zerocopy"}, {"offloads", "keep"}, {"queues", 1}};
  for (const auto& [key, value] : cases) {
    CAPTURE(key);
    json next = config;
    next["ports"][1][key] = value;
    const rest::Reply reply = put(lab, next);
    CHECK(reply.status == 422);
    CHECK(json::parse(reply.body)["error"]["path"] == std::string("ports[1].") + key);
  }
  CHECK(lab.get("/v1/status")["generation"] == generation);
}

TEST_CASE("a port keeps its flows and counters under another name; its name on another device is another port") {
  if (!require_root()) return;
  GatewayLab lab{"portsname"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  const json config = base(lab);
  lab.start(config);
  lab.obtain_next_hops();
  UdpStream stream{lab, 7000};
  REQUIRE(stream.flows());
  const auto received = [&](std::size_t port) {
    return lab.get("/v1/ports")["ports"][port]["received"]["packets"].get<std::uint64_t>();
  };
  const std::uint64_t counted = received(0);
  json named = config;
  named["ports"][0]["name"] = "office";
  reload(lab, named);
  CHECK(received(0) >= counted);
  CHECK(stream.flows());
  CHECK(stream.missing() == 0);

  json swapped = with_dmz(named);
  swapped["ports"][2]["name"] = "wan";
  swapped["ports"][1]["name"] = "uplink";
  reload(lab, swapped);
  CHECK(port_names(lab) == std::vector<std::string>{"office", "uplink", "wan"});
  CHECK(received(2) < 100);  // what wan0 counted under this name is not counted for dmz0
  CHECK(tcp_works(lab, dmz, "10.3.0.2", 80));

  json other = with_dmz(config);
  other["ports"].erase(1);
  other["ports"][1]["name"] = "wan";
  other["zones"]["outside"] = json::object();
  reload(lab, other);
  CHECK(port_names(lab) == std::vector<std::string>{"lan", "wan"});
  CHECK_FALSE(has(lab.gateway.run("ip link show wan0"), "xdp"));
  CHECK(tcp_works(lab, dmz, "10.3.0.2", 80));
}

TEST_CASE("after kill -9 the next start adopts a port that a reload added") {
  if (!require_root()) return;
  GatewayLab lab{"portskill"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  const std::string found = dmz.state();
  const json config = base(lab);
  lab.start(config);
  json more = with_dmz(config);
  more["rules"].push_back(rule("dgram", "inside", "dmz", "udp", 7200, "auto"));
  reload(lab, more);
  const UniqueFd server = udp_at(dmz, {"10.3.0.2", 7200});
  REQUIRE(arrives(lab.client, {"10.1.0.2", 6000}, server.get(), {"10.3.0.2", 7200}));
  lab.end_daemon(SIGKILL);
  CHECK(arrives(lab.client, {"10.1.0.2", 6000}, server.get(), {"10.3.0.2", 7200}));
  lab.start(more);
  CHECK(lab.get("/v1/status")["adopted"] == true);
  CHECK(arrives(lab.client, {"10.1.0.2", 6000}, server.get(), {"10.3.0.2", 7200}));
  CHECK(tcp_works(lab, dmz, "10.3.0.2", 80));

  lab.end_daemon(SIGKILL);  // a start without the port restores its device
  lab.start(config);
  CHECK(difference(found, dmz.state()) == "");
}

TEST_CASE("a port that an unconfirmed reload added is removed by the rollback") {
  if (!require_root()) return;
  GatewayLab lab{"portsback"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  const std::string found = dmz.state();
  const json config = base(lab);
  lab.start(config);
  json unconfirmed = with_dmz(config);
  unconfirmed["safety"] = {{"confirm_s", 2}};
  reload(lab, unconfirmed);
  CHECK(dmz.has_xdp());
  CHECK(eventually([&] { return port_names(lab).size() == 2; }));
  CHECK(difference(found, dmz.state()) == "");
}

TEST_CASE("a dry run names the ports and zones that would be added, removed and changed") {
  if (!require_root()) return;
  GatewayLab lab{"portsdry"};
  const ThirdHost dmz{lab};
  CAPTURE(lab.log());
  const json config = base(lab);
  lab.start(config);
  const std::string before = host_state(lab) + dmz.state();
  json next = with_dmz(config);
  next["ports"].erase(1);
  next["zones"].erase("outside");
  next["rules"] = json::array();
  next["ports"][0]["zone"] = "office";
  next["zones"]["inside"]["default"] = "reject";
  const rest::Reply reply = put(lab, next, "?dry_run=1");
  REQUIRE_MESSAGE(reply.status == 200, reply.body);
  const json changes = json::parse(reply.body)["changes"];
  CHECK(changes["ports"] ==
        json{{"added", {"dmz"}}, {"removed", {"wan"}}, {"changed", {"lan: zone inside, now office"}}});
  CHECK(changes["zones"] == json{{"added", {"dmz", "office"}},
                                 {"removed", {"outside"}},
                                 {"changed", {"inside: default drop, now reject"}}});
  CHECK(host_state(lab) + dmz.state() == before);
  json bad = with_dmz(config);
  bad["ports"][2]["device"] = "nosuch0";
  CHECK(put(lab, bad, "?dry_run=1").status == 422);
}
