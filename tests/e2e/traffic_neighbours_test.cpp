// Flows towards neighbours that Linux has not resolved yet.
//
// TWINPATH_TEST_STRANGERS  number of addresses without a host, for the test of many unresolved neighbours: default 0, no test. It
//                          overflows Linux's neighbour tables, which all namespaces share. 9000 are more than there are
//                          next hops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

// Linux's neighbour tables hold 1024 entries of all namespaces together, so flows share neighbours.
constexpr int kNeighbours = 200;
constexpr int kFlowsEach = 5;
constexpr std::size_t kFlows = kNeighbours * kFlowsEach;

struct Strangers {
  const char* name;
  const char* client;
  const char* gateway_address;  // on wan0: makes the strangers neighbours
  const char* prefix;           // of each of the server's many addresses
  const char* bits;
};
constexpr Strangers kStrangers[] = {{"IPv4", "10.1.0.2", "10.3.0.1/16", "10.3.1.", "/16"},
                                    {"IPv6", "2001:db8:1::2", "2001:db8:3::1/64", "2001:db8:3::1:", "/64"}};

std::string address(const Strangers& family, int i) {
  // in decimal for both: digits are good hexadecimal too
  return family.prefix + std::to_string(i + 1);
}

void add_strangers(const GatewayLab& lab, const Strangers& family) {
  std::string batch;
  for (int i = 0; i < kNeighbours; ++i) batch += "address add " + address(family, i) + family.bits + " dev eth0\n";
  lab.server.run("ip -batch - <<'END'\n" + batch + "END");
}

void add_gateway_address(const GatewayLab& lab, const Strangers& family) {
  lab.gateway.run(std::string("ip address add ") + family.gateway_address + " dev wan0");
}

Place there(const Strangers& family, int neighbour, int flow) {
  return {address(family, neighbour), static_cast<std::uint16_t>(20000 + flow)};
}

bool has_flow_to(const GatewayLab& lab, const std::string& destination) {
  const auto pairs = lab.policies("protocol=udp");
  return std::any_of(pairs.begin(), pairs.end(),
                     [&](const auto& pair) { return pair["forward"]["destination"] == destination; });
}

std::size_t halves_with_one_packet(const std::map<FlowName, Amount>& heard) {
  return static_cast<std::size_t>(std::count_if(heard.begin(), heard.end(), [](const auto& flow) {
    return flow.first.source_port == 30000 && flow.second.packets == 1;
  }));
}

}  // namespace

TEST_CASE("of a thousand flows started at once towards unresolved neighbours no first packet is lost") {
  if (!require_root()) return;
  for (const Strangers& family : kStrangers) {
    const std::string name = family.name;
    CAPTURE(name);
    GatewayLab lab{"strangers"};
    CAPTURE(lab.log());
    add_gateway_address(lab, family);
    lab.start(lab.config(R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow"}])"));
    const UniqueFd sender = udp_at(lab.client, {family.client, 30000});
    FlowLedger ledger(lab.server, "eth0");
    const Bytes payload(64);
    for (int flow = 0; flow < kFlowsEach; ++flow)
      for (int i = 0; i < kNeighbours; ++i) udp_send(sender.get(), there(family, i, flow), payload);
    // Nobody has those addresses yet, so all packets wait. Linux asks three times, a second apart.
    const auto held = [&] { return lab.get("/v1/engines")["engines"][0]["held"].get<int>(); };
    CHECK(eventually([&] { return held() == static_cast<int>(kFlows); }, std::chrono::seconds{2}));
    add_strangers(lab, family);
    std::vector<nlohmann::json> pairs;
    const bool all_sent = eventually([&] {
      pairs = lab.policies("protocol=udp");
      return pairs.size() == kFlows &&
             std::all_of(pairs.begin(), pairs.end(), [](const auto& pair) { return pair["forward"]["packets"] == 1; });
    });
    CHECK_MESSAGE(all_sent, pairs.size(), " pairs; ", lab.get("/v1/drops").dump(), lab.get("/v1/engines").dump());
    CHECK(std::all_of(pairs.begin(), pairs.end(), [](const auto& pair) { return pair["origin"] == "engine"; }));
    CHECK(halves_with_one_packet(ledger.close()) == kFlows);
  }
}

TEST_CASE("once its neighbour is known, a flow that began in the engine is the kernel's") {
  if (!require_root()) return;
  GatewayLab lab{"handover"};
  CAPTURE(lab.log());
  add_gateway_address(lab, kStrangers[0]);
  add_strangers(lab, kStrangers[0]);
  lab.start(lab.config(R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow"}])"));
  const UniqueFd sender = udp_at(lab.client, {"10.1.0.2", 30000});
  const UniqueFd receiver = udp_at(lab.server, {address(kStrangers[0], 0), 20000});
  Place from;
  std::size_t size = 0;
  const auto send_one = [&] { udp_send(sender.get(), there(kStrangers[0], 0, 0), Bytes(64)); };
  send_one();
  REQUIRE(udp_receive(receiver.get(), from, size));
  CHECK(lab.policies("protocol=udp").at(0)["origin"] == "engine");
  // From some packet on, the engine is visited no more.
  CHECK(eventually([&] {
    const std::uint64_t before = lab.engine_received();
    for (int i = 0; i < 20; ++i) {
      send_one();
      if (!udp_receive(receiver.get(), from, size)) return false;
    }
    return lab.engine_received() == before;
  }));
}

TEST_CASE("a flood of one flow towards an unresolved neighbour uses up the budget of held packets, and no other") {
  if (!require_root()) return;
  GatewayLab lab{"heldflood"};
  CAPTURE(lab.log());
  add_gateway_address(lab, kStrangers[0]);
  nlohmann::json config = lab.config(R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow"}])");
  config["engine"]["budget_pps"] = {{"held", 20}};
  lab.start(config);
  const UniqueFd sender = udp_at(lab.client, {"10.1.0.2", 30000});
  udp_send(sender.get(), there(kStrangers[0], 0, 0), Bytes(64));
  REQUIRE(eventually([&] { return has_flow_to(lab, address(kStrangers[0], 0)); }));
  for (int i = 0; i < 2000; ++i) udp_send(sender.get(), there(kStrangers[0], 0, 0), Bytes(64));
  CHECK(eventually([&] { return lab.drops("steer_budget") > 0; }));
  udp_send(sender.get(), there(kStrangers[0], 1, 0), Bytes(64));
  CHECK(eventually([&] { return has_flow_to(lab, address(kStrangers[0], 1)); }));
}

TEST_CASE("addresses without a host take no next hop for good, however many are tried") {
  if (!require_root()) return;
  const char* number = std::getenv("TWINPATH_TEST_STRANGERS");
  const int strangers = number != nullptr ? std::atoi(number) : 0;
  if (strangers == 0) return;
  GatewayLab lab{"manynobody"};
  CAPTURE(lab.log());
  add_gateway_address(lab, kStrangers[0]);
  lab.start(lab.config(R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow"}])"));
  const UniqueFd sender = udp_at(lab.client, {"10.1.0.2", 30000});
  for (int i = 0; i < strangers; ++i) {
    const std::string nobody = "10.3." + std::to_string(10 + i / 200) + "." + std::to_string(i % 200 + 1);
    udp_send(sender.get(), {nobody, 20000}, Bytes(64));
    // neighbour requests are served in the order in which they come
    if (i % 500 == 499) REQUIRE(eventually([&] { return has_flow_to(lab, nobody); }));
  }
  add_strangers(lab, kStrangers[0]);
  const UniqueFd receiver = udp_at(lab.server, {address(kStrangers[0], 0), 20000});
  CHECK(eventually(
      [&] {
        Place from;
        std::size_t size = 0;
        udp_send(sender.get(), there(kStrangers[0], 0, 0), Bytes(64));
        return udp_receive(receiver.get(), from, size, 500);
      },
      std::chrono::seconds{60}));
}
