// Counters of rules: each packet once, for the rule that has decided it.
#include <doctest/doctest.h>

#include <csignal>

#include "harness/stream.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

constexpr const char* kRules = R"([
  {"name": "plain", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7000, "action": "allow"},
  {"name": "user", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7001, "action": "allow",
   "place": "user"},
  {"name": "reject", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7002, "action": "reject"},
  {"name": "drop", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7003, "action": "drop"},
  {"name": "data", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": 7004, "action": "allow"},
  {"name": "own", "from": "inside", "to": "host", "protocol": "udp", "destination_port": 7005, "action": "allow"}])";

json rule(const GatewayLab& lab, const std::string& name) {
  const json rules = lab.get("/v1/rules")["rules"];
  for (const json& entry : rules)
    if (entry["name"] == name) return entry;
  return {};
}

std::uint64_t number(const GatewayLab& lab, const std::string& name, const char* key) {
  return rule(lab, name)[key].get<std::uint64_t>();
}

// Questions with 32 bytes of payload, 74 bytes as frames; `answered`: as many answers.
void talk(const GatewayLab& lab, const char* to, std::uint16_t port, int packets, bool answered) {
  const UniqueFd client = udp_at(lab.client, {"10.1.0.2", 5000});
  const UniqueFd server = udp_at(answered ? lab.server : lab.client, {answered ? "10.2.0.2" : "10.1.0.2", port});
  const std::vector<std::uint8_t> payload(32);
  Place from;
  std::size_t size = 0;
  for (int i = 0; i < packets; ++i) {
    udp_send(client.get(), {to, port}, payload);
    if (!answered) continue;
    REQUIRE(udp_receive(server.get(), from, size));
    udp_send(server.get(), from, payload);
    REQUIRE(udp_receive(client.get(), from, size));
  }
}

}  // namespace

TEST_CASE("a rule counts the packets of its flows in both directions, live and ended, by both datapaths") {
  if (!require_root()) return;
  GatewayLab lab{"rulesflow"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  for (const auto& [name, port] : {std::pair{"plain", 7000}, std::pair{"user", 7001}}) {
    CAPTURE(name);
    talk(lab, "10.2.0.2", static_cast<std::uint16_t>(port), 20, true);
    const auto all = [&, name = name] {
      return number(lab, name, "packets") == 40 && number(lab, name, "bytes") == 40 * 74;
    };
    CHECK(eventually(all));
    CHECK(number(lab, name, "flows") == 1);
    CHECK(lab.request("DELETE", "/v1/policies?port=" + std::to_string(port)).status == 200);
    CHECK(lab.policies("port=" + std::to_string(port)).empty());
    CHECK(all());
    talk(lab, "10.2.0.2", static_cast<std::uint16_t>(port), 1, true);
    CHECK(eventually([&, name = name] { return number(lab, name, "packets") == 42; }));
    CHECK(number(lab, name, "flows") == 2);
  }
}

TEST_CASE("packets without a flow count once: dropped, rejected, and to the host") {
  if (!require_root()) return;
  GatewayLab lab{"rulesnone"};
  CAPTURE(lab.log());
  json config = lab.config(kRules);
  lab.start(config);
  lab.obtain_next_hops();
  talk(lab, "10.2.0.2", 7003, 5, false);
  talk(lab, "10.2.0.2", 7002, 3, false);
  talk(lab, "10.1.0.1", 7005, 4, false);
  for (const auto& [name, packets] : {std::pair{"drop", 5}, std::pair{"reject", 3}, std::pair{"own", 4}}) {
    CAPTURE(name);
    CHECK(eventually([&, name = name, packets = packets] {
      return number(lab, name, "packets") == static_cast<std::uint64_t>(packets);
    }));
    CHECK(number(lab, name, "bytes") == static_cast<std::uint64_t>(packets) * 74);
    CHECK(number(lab, name, "flows") == 0);
  }
}

TEST_CASE("a connection's rule has what its pair has, and numbers never fall while flows end and daemons die") {
  if (!require_root()) return;
  GatewayLab lab{"rulesdata"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  std::uint64_t before = 0;
  {
    const TcpStream tcp{lab, 7004};
    REQUIRE(tcp.flows(200'000));
    before = number(lab, "data", "bytes");
    CHECK(before >= 200'000);
    CHECK(number(lab, "data", "flows") == 1);
    lab.end_daemon(SIGKILL);
    CHECK(tcp.flows());
    lab.start(lab.config(kRules));
    CHECK(number(lab, "data", "bytes") >= before + 50'000);
  }
  before = number(lab, "data", "bytes");
  CHECK(lab.request("DELETE", "/v1/policies?protocol=tcp").status == 200);
  CHECK(number(lab, "data", "bytes") >= before);
  CHECK(number(lab, "data", "flows") == 1);
}
