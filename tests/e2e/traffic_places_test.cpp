// Who carries a flow: everything by the kernel under a rule of place auto, everything by the engine under place user.
// What was sent is counted by AF_PACKET at the sender, and compared with what /v1/policies says.
//
// TWINPATH_TEST_OVERLOAD_S  seconds of overload, default 2.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "harness/flood.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr int kUdpPorts = 100;  // squared: flows
constexpr int kTcpConnections = 1000;
constexpr std::uint16_t kClientPort = 30000, kServerPort = 20000;

std::string rules(const std::string& place) {
  return R"([{"name": "all", "from": "inside", "to": "outside", "action": "allow", "place": ")" + place + R"("}])";
}

// One datagram there and one back on each of 10,000 flows; true when every one arrived.
bool udp_conversations(const GatewayLab& lab) {
  std::vector<UniqueFd> clients, servers;
  for (std::uint16_t i = 0; i < kUdpPorts; ++i) {
    clients.push_back(udp_at(lab.client, {"10.1.0.2", static_cast<std::uint16_t>(kClientPort + i)}));
    servers.push_back(udp_at(lab.server, {"10.2.0.2", static_cast<std::uint16_t>(kServerPort + i)}));
  }
  const std::array<std::uint8_t, 33> question{};
  const std::array<std::uint8_t, 77> answer{};
  for (const UniqueFd& client : clients) {
    for (std::uint16_t i = 0; i < kUdpPorts; ++i) {
      Place from;
      std::size_t size = 0;
      udp_send(client.get(), {"10.2.0.2", static_cast<std::uint16_t>(kServerPort + i)}, question);
      if (!udp_receive(servers[i].get(), from, size) || size != question.size()) return false;
      udp_send(servers[i].get(), from, answer);
      if (!udp_receive(client.get(), from, size) || size != answer.size()) return false;
    }
  }
  return true;
}

// Connects, says something, hears something, closes: a thousand times, one after the other.
void tcp_conversations(const GatewayLab& lab) {
  const UniqueFd listening = tcp_listen(lab.server, {"10.2.0.2", 80});
  std::array<std::uint8_t, 100> question{};
  std::array<std::uint8_t, 1000> answer{};
  for (std::uint16_t i = 0; i < kTcpConnections; ++i) {
    const UniqueFd client =
        tcp_connect(lab.client, {"10.1.0.2", static_cast<std::uint16_t>(40000 + i)}, {"10.2.0.2", 80});
    const UniqueFd server = tcp_accept(listening.get());
    send_all(client.get(), question);
    receive_all(server.get(), question);
    send_all(server.get(), answer);
    receive_all(client.get(), answer);
  }
}

FlowName named(const nlohmann::json& half) {
  return {half["source"], half["destination"], half["source_port"], half["destination_port"],
          static_cast<std::uint8_t>(half["protocol"] == "tcp" ? 6 : 17)};
}

bool agrees(const nlohmann::json& half, const std::map<FlowName, Amount>& heard) {
  const auto found = heard.find(named(half));
  return found != heard.end() && half["packets"] == found->second.packets && half["bytes"] == found->second.bytes;
}

// Halves that do not count exactly what was heard on the wire.
std::vector<nlohmann::json> halves_that_differ(const std::vector<nlohmann::json>& pairs,
                                               const std::map<FlowName, Amount>& heard) {
  std::vector<nlohmann::json> differ;
  for (const nlohmann::json& pair : pairs)
    for (const char* direction : {"forward", "reverse"})
      if (!agrees(pair[direction], heard)) differ.push_back(pair[direction]);
  return differ;
}

std::size_t count_with(const std::vector<nlohmann::json>& pairs, const char* key, const char* value) {
  return static_cast<std::size_t>(
      std::count_if(pairs.begin(), pairs.end(), [&](const nlohmann::json& pair) { return pair[key] == value; }));
}

std::uint64_t packets(const std::map<FlowName, Amount>& heard) {
  std::uint64_t sum = 0;
  for (const auto& [name, amount] : heard) sum += amount.packets;
  return sum;
}

// Both kinds of conversation under one place; what was heard at the client.
std::map<FlowName, Amount> converse(GatewayLab& lab, const std::string& place) {
  lab.obtain_next_hops();
  lab.start(lab.config(rules(place)));
  FlowLedger ledger(lab.client, "eth0");
  REQUIRE(udp_conversations(lab));
  tcp_conversations(lab);
  // The last FINs are acknowledged behind our back.
  CHECK(eventually([&] { return lab.policies("protocol=tcp&state=closing").size() == kTcpConnections; }));
  return ledger.close();
}

void check_table(const GatewayLab& lab, const std::map<FlowName, Amount>& heard, const char* place,
                 const char* origin) {
  for (const auto& [protocol, flows] : {std::pair{"udp", kUdpPorts * kUdpPorts}, std::pair{"tcp", kTcpConnections}}) {
    CAPTURE(std::string(protocol));
    const auto expected = static_cast<std::size_t>(flows);
    const std::vector<nlohmann::json> pairs = lab.policies(std::string("protocol=") + protocol);
    CHECK(pairs.size() == expected);
    CHECK(count_with(pairs, "origin", origin) == expected);
    CHECK(count_with(pairs, "place", place) == expected);
    CHECK(count_with(pairs, "rule", "all") == expected);
    // The streamed document has the pairs of the pages.
    CHECK(lab.get(std::string("/v1/policies?limit=all&protocol=") + protocol)["policies"].size() == expected);
    // The engine's counts are in the table a fiftieth of a second after the packet.
    std::vector<nlohmann::json> differ;
    const bool all_agree = eventually([&] {
      differ = halves_that_differ(lab.policies(std::string("protocol=") + protocol), heard);
      return differ.empty();
    });
    CHECK_MESSAGE(all_agree, nlohmann::json(differ).dump());
  }
}

// Nothing is under way any more: each frame is free, or given to the kernel for receiving.
void check_ledger_at_rest(const GatewayLab& lab) {
  nlohmann::json ledger;
  const bool at_rest = eventually([&] {
    ledger = lab.get("/v1/status")["ledger"];
    return ledger["rx"] == 0 && ledger["engine"] == 0 && ledger["tx"] == 0 && ledger["completion"] == 0;
  });
  CHECK_MESSAGE(at_rest, ledger.dump());
  CHECK_MESSAGE(ledger["sum"] == ledger["total"], ledger.dump());
}

}  // namespace

TEST_CASE(
    "under place auto the kernel decides and carries every new flow, and the engine receives none of its packets") {
  if (!require_root()) return;
  GatewayLab lab{"placeauto"};
  CAPTURE(lab.log());
  const auto heard = converse(lab, "auto");
  CHECK(lab.engine_received() == 0);
  check_table(lab, heard, "auto", "kernel");
}

TEST_CASE("under place user the engine sees every packet of every flow, and the frame ledger adds up") {
  if (!require_root()) return;
  GatewayLab lab{"placeuser"};
  CAPTURE(lab.log());
  const auto heard = converse(lab, "user");
  CHECK(lab.engine_received() == packets(heard));
  check_table(lab, heard, "user", "engine");
  const nlohmann::json steered = lab.get("/v1/drops?steered=1")["steered"];
  std::uint64_t sum = 0;
  for (const nlohmann::json& reason : steered) sum += reason["packets"].get<std::uint64_t>();
  CHECK_MESSAGE(sum == packets(heard), steered.dump());
  CHECK_MESSAGE(steered[0]["reason"] == "place_user", steered.dump());
  check_ledger_at_rest(lab);
}

TEST_CASE("after an overload of the engine every frame is accounted for, and the engine carries traffic as before") {
  if (!require_root()) return;
  GatewayLab lab{"overload"};
  CAPTURE(lab.log());
  nlohmann::json document = lab.config(rules("user"));
  document["engine"]["frames"] = 8192;
  lab.obtain_next_hops();
  lab.start(document);
  const char* length = std::getenv("TWINPATH_TEST_OVERLOAD_S");
  {
    const Flood flood(lab.client, "eth0", new_flows(20000, 100));
    std::this_thread::sleep_for(std::chrono::seconds{length == nullptr ? 2 : std::atoi(length)});
    const nlohmann::json ledger = lab.get("/v1/status")["ledger"];
    CHECK_MESSAGE(ledger["sum"] == ledger["total"], "under way: ", ledger.dump());
    MESSAGE("sent ", flood.sent(), ", received by the engine ", lab.engine_received());
  }
  check_ledger_at_rest(lab);
  const nlohmann::json socket = lab.get("/v1/ports")["ports"][1]["sockets"][0];
  CHECK_MESSAGE(socket["sent_in_bursts"] > 0, socket.dump());
  const UniqueFd listening = tcp_listen(lab.server, {"10.2.0.2", 80});
  const UniqueFd client = tcp_connect(lab.client, {"10.1.0.2", 0}, {"10.2.0.2", 80});
  const UniqueFd server = tcp_accept(listening.get());
  CHECK(noise_arrives(client.get(), server.get(), 10));
  CHECK(noise_arrives(server.get(), client.get(), 10));
  check_ledger_at_rest(lab);
}
