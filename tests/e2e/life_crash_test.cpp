// The daemon is killed: decided flows continue, and the next start adopts them.
#include <doctest/doctest.h>

#include <csignal>

#include "harness/host_state.hpp"
#include "harness/stream.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

constexpr const char* kRules = R"([
  {"name": "echo", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7000, "action": "allow"},
  {"name": "data", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": 7001, "action": "allow"},
  {"name": "looked-at", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7002,
   "action": "allow", "place": "user"}])";

std::uint64_t rule_packets(const GatewayLab& lab, const std::string& name) {
  const json rules = lab.get("/v1/rules")["rules"];
  for (const json& rule : rules)
    if (rule["name"] == name) return rule["packets"].get<std::uint64_t>();
  return 0;
}

json only_pair(const GatewayLab& lab, const std::string& query) {
  const auto pairs = lab.policies(query);
  REQUIRE(pairs.size() == 1);
  return pairs.front();
}

// One flow that becomes assured: question, answer, question. True when each of them arrived.
bool assured_exchange(const GatewayLab& lab, int server, std::uint16_t source_port, std::uint16_t port) {
  const UniqueFd client = udp_at(lab.client, {"10.1.0.2", source_port});
  const std::vector<std::uint8_t> payload(32);
  Place from;
  std::size_t size = 0;
  udp_send(client.get(), {"10.2.0.2", port}, payload);
  if (!udp_receive(server, from, size)) return false;
  udp_send(server, from, payload);
  Place back;
  if (!udp_receive(client.get(), back, size)) return false;
  udp_send(client.get(), {"10.2.0.2", port}, payload);
  return udp_receive(server, from, size);
}

}  // namespace

TEST_CASE("kill -9 of the daemon costs decided flows no packet, and the next start adopts them") {
  if (!require_root()) return;
  GatewayLab lab{"lifecrash"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  UdpStream udp{lab, 7000};
  TcpStream tcp{lab, 7001};
  REQUIRE(udp.flows());
  REQUIRE(tcp.flows());
  const json udp_pair = only_pair(lab, "protocol=udp");
  const json tcp_pair = only_pair(lab, "protocol=tcp");
  const auto generation = lab.get("/v1/status")["generation"].get<std::uint32_t>();
  const std::uint32_t retransmissions = tcp.retransmissions();

  lab.end_daemon(SIGKILL);
  CHECK(udp.flows(2000));
  CHECK(tcp.flows(100'000));
  lab.start(lab.config(kRules));
  CHECK(udp.flows(1000));
  CHECK(tcp.flows());

  CHECK(lab.get("/v1/status")["adopted"] == true);
  CHECK(lab.get("/v1/status")["generation"].get<std::uint32_t>() > generation);
  for (const json& before : {udp_pair, tcp_pair}) {
    const rest::Reply reply = lab.request("GET", "/v1/policies/" + before["id"].get<std::string>());
    REQUIRE(reply.status == 200);
    const json after = json::parse(reply.body);
    CHECK(after["forward"]["packets"].get<std::uint64_t>() > before["forward"]["packets"].get<std::uint64_t>());
  }
  CHECK(tcp.retransmissions() == retransmissions);
  CHECK(udp.missing() == 0);
  CHECK(only_pair(lab, "protocol=udp")["forward"]["packets"].get<std::uint64_t>() == udp.received());
}

TEST_CASE("without a daemon, expired flows are replaced by new ones, several times the size of the table") {
  if (!require_root()) return;
  constexpr int kRounds = 4;
  constexpr std::uint16_t kFlows = 1000;
  GatewayLab lab{"lifedead"};
  CAPTURE(lab.log());
  json config = lab.config(kRules);
  config["flows"] = {{"max_pairs_v4", 1024}, {"timeouts", {{"udp_s", 1}, {"udp_stream_s", 1}}}};
  lab.start(config);
  const UniqueFd server = udp_at(lab.server, {"10.2.0.2", 7000});
  REQUIRE(assured_exchange(lab, server.get(), 9000, 7000));  // neighbours are resolved
  const std::uint64_t hits = rule_packets(lab, "echo");
  const std::uint64_t absent = lab.drops("engine_absent");

  lab.end_daemon(SIGKILL);
  int lost = 0;
  for (int round = 0; round < kRounds && lost == 0; ++round) {
    // Longer than the timeouts and, the first time, than the daemon's heartbeat is believed: nothing here is live.
    std::this_thread::sleep_for(std::chrono::seconds{round == 0 ? 4 : 2});
    for (std::uint16_t flow = 0; flow < kFlows && lost == 0; ++flow) {
      const auto port = static_cast<std::uint16_t>(10000 + round * kFlows + flow);
      if (!assured_exchange(lab, server.get(), port, 7000)) ++lost;
    }
  }
  CHECK(lost == 0);

  const UniqueFd steered = udp_at(lab.client, {"10.1.0.2", 9001});
  const std::vector<std::uint8_t> payload(32);
  for (int i = 0; i < 5; ++i) udp_send(steered.get(), {"10.2.0.2", 7002}, payload);

  lab.start(config);
  CHECK(lab.drops("engine_absent") >= absent + 5);
  CHECK(rule_packets(lab, "echo") >= hits + kRounds * kFlows);  // each flow's first packet was judged by it
  CHECK(assured_exchange(lab, server.get(), 9002, 7000));
  CHECK(eventually([&] { return lab.get("/v1/status")["flows"]["v4"]["pairs"] == 0; }));
}

TEST_CASE("every command says that the daemon is gone and the kernel forwards, and what to do about it") {
  if (!require_root()) return;
  GatewayLab lab{"lifegone"};
  lab.start(lab.config(kRules));
  lab.end_daemon(SIGKILL);
  const std::string said = "the daemon of gateway \"" + lab.name() + "\" is gone, and the kernel goes on forwarding: ";
  for (const char* asked :
       {"status", "ports", "rules", "zones", "drops", "policies", "confirm", "status --json", "rules --json"}) {
    CAPTURE(asked);
    const CommandOutput ran = command(lab, asked);
    CHECK(ran.status == 1);
    const bool as_json = std::string_view(asked).ends_with("--json");
    const std::string text = as_json ? json::parse(ran.output)["error"]["message"].get<std::string>() : ran.output;
    CHECK(has(text, said + "\"twinpath -n " + lab.name() + " up -c FILE\" adopts it"));
  }
  CHECK(command(lab, "reload -c " + lab.config_file()).status == 1);
  CHECK(has(command(lab, "status").output, lab.name() + ": no daemon; forwarding on lan0, wan0\n"));
  const json status = json::parse(command(lab, "status --json 2>/dev/null").output);
  CHECK(status["daemon"] == "gone");
  CHECK(status["devices"] == json{"lan0", "wan0"});
  CHECK(has(status["problems"][0].get<std::string>(), said));
  lab.start(lab.config(kRules));
  CHECK(command(lab, "status").status == 0);
  CHECK(command(lab, "down").status == 0);
  lab.end_daemon(SIGKILL);
  CHECK(has(command(lab, "status --socket " + lab.socket()).output, "no gateway \"" + lab.name() + "\" is running"));
}
