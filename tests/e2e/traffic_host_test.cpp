// The gateway beside Linux: Linux never forwards a packet, whatever ip_forward says, and the host's own addresses go on.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>

#include "harness/flood.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr const char* kRules = R"([
  {"name": "inspected", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": [5301], "action": "allow", "place": "user"},
  {"name": "out", "from": "inside", "to": "outside", "action": "allow"},
  {"name": "closed", "from": "any", "to": "host", "protocol": "tcp", "destination_port": [8023], "action": "drop"},
  {"name": "refused", "from": "any", "to": "host", "protocol": "tcp", "destination_port": [8024], "action": "reject"}])";

const struct Side {
  std::string address;  // of the gateway
  std::string far;      // of the client
} kSides[] = {{"10.1.0.1", "10.1.0.2"}, {"2001:db8:1::1", "2001:db8:1::2"}};

// The packets Linux has forwarded in this namespace so far.
std::string forwarded_by_linux(const TestNamespace& part) {
  return part.run(
      "awk '/^Ip:/ { if (!seen++) split($0, key); else { split($0, value); for (i in key) if (key[i] == "
      "\"ForwDatagrams\") print value[i] } }' /proc/net/snmp; grep Ip6OutForwDatagrams /proc/net/snmp6");
}

// Megabytes of each connection and direction; there are eight of these.
long host_test_mb() {
  const char* text = std::getenv("TWINPATH_TEST_HOST_MB");
  return text == nullptr ? 20 : std::atol(text);
}

// Through both datapaths and both families.
void carry(const GatewayLab& lab) {
  for (const char* server : {"10.2.0.2", "2001:db8:2::2"}) {
    const std::string client = server[0] == '1' ? "10.1.0.2" : "2001:db8:1::2";
    for (const std::uint16_t port : {5201, 5301}) {
      const UniqueFd listening = tcp_listen(lab.server, {server, port});
      const UniqueFd here = tcp_connect(lab.client, {client, 0}, {server, port});
      const UniqueFd there = tcp_accept(listening.get());
      CHECK(noise_arrives(here.get(), there.get(), host_test_mb()));
      CHECK(noise_arrives(there.get(), here.get(), host_test_mb()));
    }
  }
}

bool udp_answers(const GatewayLab& lab, const Side& side) {
  const UniqueFd host = udp_at(lab.gateway, {side.address, 8053}), asker = udp_at(lab.client, {side.far, 0});
  const Bytes question(40);
  return eventually([&] {
    Place from;
    std::size_t size = 0;
    udp_send(asker.get(), {side.address, 8053}, question);
    if (!udp_receive(host.get(), from, size, 500)) return false;
    udp_send(host.get(), from, question);
    return udp_receive(asker.get(), from, size, 500);
  });
}

bool tcp_answers(const GatewayLab& lab, const Side& side) {
  const UniqueFd listening = tcp_listen(lab.gateway, {side.address, 8022});
  const UniqueFd here = tcp_connect(lab.client, {side.far, 0}, {side.address, 8022});
  const UniqueFd there = tcp_accept(listening.get());
  return noise_arrives(here.get(), there.get(), 1) && noise_arrives(there.get(), here.get(), 1);
}

// Ten answers, however many questions that takes within the deadline.
bool ping_answers(const GatewayLab& lab, const Side& side) {
  return lab.client.attempt("ping -q -i 0.05 -c 10 -w 20 " + side.address).status == 0;
}

void check_host(const GatewayLab& lab) {
  for (const Side& side : kSides) {
    CAPTURE(side.address);
    CHECK(ping_answers(lab, side));
    CHECK(udp_answers(lab, side));
    CHECK(tcp_answers(lab, side));
  }
}

// What bash says of a connection from the client: 0 made, 1 refused, 124 no answer.
int connection(const GatewayLab& lab, const std::string& address, int port) {
  return lab.client.attempt("timeout 2 bash -c 'exec 3<>/dev/tcp/" + address + "/" + std::to_string(port) + "'").status;
}

}  // namespace

TEST_CASE(
    "Linux forwards nothing while traffic passes, and nothing that is denied gets around, whatever ip_forward says") {
  if (!require_root()) return;
  for (const std::string forward : {"0", "1"}) {
    CAPTURE(forward);
    GatewayLab lab{"forward"};
    CAPTURE(lab.log());
    lab.start(lab.config(kRules));
    lab.gateway.run("sysctl -qw net.ipv4.ip_forward=" + forward + " net.ipv6.conf.all.forwarding=" + forward);
    const std::string before = forwarded_by_linux(lab.gateway);
    std::atomic<int> denied_heard{0};
    Listener at_client(lab.client, "eth0", [&](const Heard& heard) {
      if (!heard.outgoing && flow_name(heard.frame).destination_port == 7777) ++denied_heard;
    });
    carry(lab);
    const Sender outside(lab.server, "eth0");
    const Eth link{.dst = lab_mac(2, 1), .src = lab_mac(2, 2)};
    const std::uint64_t drops = lab.drops("zone_default");
    for (int i = 0; i < 100; ++i) {
      outside.send((link / Ipv4{.src = "10.2.0.2", .dst = "10.1.0.2"} / Udp{.dport = 7777}).bytes());
      outside.send((link / Ipv4{.src = "10.2.0.2", .dst = "10.1.0.2"} / Tcp{.dport = 7777}).bytes());
      outside.send((link / Ipv6{.src = "2001:db8:2::2", .dst = "2001:db8:1::2"} / Udp{.dport = 7777}).bytes());
    }
    CHECK(eventually([&] { return lab.drops("zone_default") >= drops + 300; }));
    at_client.stop();
    CHECK(denied_heard == 0);
    CHECK(forwarded_by_linux(lab.gateway) == before);
  }
}

TEST_CASE("ping, TCP and UDP to the gateway's own addresses go on, also while a flood of new flows passes") {
  if (!require_root()) return;
  GatewayLab lab{"host"};
  CAPTURE(lab.log());
  nlohmann::json document = lab.config(kRules);
  document["flows"]["max_pairs_v4"] = 8192;  // the flood is many times the table
  lab.start(document);
  check_host(lab);
  const Flood flood(lab.client, "eth0", new_flows(20000));
  CHECK(eventually([&] { return flood.sent() > 50000; }));
  check_host(lab);
  MESSAGE("packets of the flood meanwhile: ", flood.sent());
}

TEST_CASE("a rule to the host closes a port, and the other ports stay open") {
  if (!require_root()) return;
  GatewayLab lab{"closed"};
  CAPTURE(lab.log());
  std::vector<UniqueFd> listening;
  for (const Side& side : kSides)
    for (const std::uint16_t port : {8022, 8023, 8024})
      listening.push_back(tcp_listen(lab.gateway, {side.address, port}));
  for (const Side& side : kSides) REQUIRE(connection(lab, side.address, 8023) == 0);
  lab.start(lab.config(kRules));
  for (const Side& side : kSides) {
    CAPTURE(side.address);
    CHECK(connection(lab, side.address, 8022) == 0);
    const std::uint64_t before = lab.drops("rule");
    CHECK(connection(lab, side.address, 8023) == 124);
    CHECK(lab.drops("rule") > before);
    CHECK(connection(lab, side.address, 8024) == 1);
  }
}

TEST_CASE("what the host asks outside is answered though its zone is closed") {
  if (!require_root()) return;
  GatewayLab lab{"ownout"};
  CAPTURE(lab.log());
  nlohmann::json document = lab.config(kRules);
  document["zones"]["host"]["default"] = "drop";
  lab.start(document);
  for (const auto& [here, there] : {std::pair{"10.2.0.1", "10.2.0.2"}, std::pair{"2001:db8:2::1", "2001:db8:2::2"}}) {
    CAPTURE(std::string(there));
    CHECK(lab.gateway.attempt(std::string("ping -q -c 1 -w 10 ") + there).status == 0);
    const UniqueFd listening = tcp_listen(lab.server, {there, 80});
    const UniqueFd near = tcp_connect(lab.gateway, {here, 0}, {there, 80});
    const UniqueFd far = tcp_accept(listening.get());
    CHECK(noise_arrives(near.get(), far.get(), 1));
    CHECK(noise_arrives(far.get(), near.get(), 1));
  }
  CHECK(connection(lab, "10.1.0.1", 8022) == 124);
}
