// A configuration replaced while packets pass.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "harness/stream.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

json udp_rule(const char* name, int port) {
  return {{"name", name},      {"from", "inside"},         {"to", "outside"},
          {"protocol", "udp"}, {"destination_port", port}, {"action", "allow"}};
}

json reload(const GatewayLab& lab, const json& config) {
  const rest::Reply reply = lab.request("PUT", "/v1/config", config.dump());
  REQUIRE_MESSAGE(reply.status == 200, reply.body);
  return json::parse(reply.body);
}

std::uint64_t rule_packets(const GatewayLab& lab, const std::string& name) {
  const json rules = lab.get("/v1/rules")["rules"];
  for (const json& rule : rules)
    if (rule["name"] == name) return rule["packets"].get<std::uint64_t>();
  return 0;
}

// Compiled to 1800 rules, none of which matches: they keep the first rule and the last apart in the table, so
// that writing it takes a while.
json wide_rule() {
  json rule = udp_rule("wide", 0);
  rule["source"] = json::array();
  for (int i = 0; i < 40; ++i) rule["source"].push_back("198.51.100." + std::to_string(i));
  rule["destination_port"] = json::array();
  for (int i = 0; i < 45; ++i) rule["destination_port"].push_back(9000 + 2 * i);
  return rule;
}

// A document that is refused, with so many values.
std::string document_of(std::size_t values) {
  std::string text = R"({"rules": [{})";
  for (std::size_t i = 0; i < values; ++i) text += ",{}";
  return text + "]}";
}

// The most memory that the daemon has had, in MiB.
std::size_t peak_memory(const GatewayLab& lab) {
  std::ifstream status("/proc/" + std::to_string(lab.pid()) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) / 1024;
  return 0;
}

int flips_wanted() {
  const char* given = std::getenv("TWINPATH_FLIPS");
  return given != nullptr ? std::atoi(given) : 1000;
}

}  // namespace

TEST_CASE(
    "of documents that are put at once each is applied whole or refused, one generation for each that is applied") {
  if (!require_root()) return;
  constexpr int kClients = 8;
  GatewayLab lab{"lifeatonce"};
  CAPTURE(lab.log());
  json config = lab.config();
  config["rules"] = {wide_rule()};
  lab.start(config);
  const auto generation = lab.get("/v1/status")["generation"].get<std::uint32_t>();
  std::vector<rest::Reply> replies(kClients);
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i)
    clients.emplace_back([&, i] { replies[i] = lab.request("PUT", "/v1/config", config.dump()); });
  for (std::thread& client : clients) client.join();
  std::uint32_t applied = 0;
  for (const rest::Reply& reply : replies) {
    if (reply.status == 200)
      ++applied;
    else
      CHECK(json::parse(reply.body)["error"]["code"] == "reload_running");
  }
  CHECK(applied > 0);
  CHECK(lab.get("/v1/status")["generation"].get<std::uint32_t>() == generation + applied);
}

TEST_CASE("a reload that removes a rule stops its live flows with the next packet, and costs others none") {
  if (!require_root()) return;
  GatewayLab lab{"lifereload"};
  CAPTURE(lab.log());
  json config = lab.config();
  config["rules"] = {udp_rule("stays", 7000), udp_rule("goes", 7001)};
  lab.start(config);
  UdpStream stays{lab, 7000};
  UdpStream goes{lab, 7001};
  REQUIRE(stays.flows());
  REQUIRE(goes.flows());

  json less = config;
  less["rules"].erase(1);
  const auto generation = lab.get("/v1/status")["generation"].get<std::uint32_t>();
  CHECK(reload(lab, less)["generation"] == generation + 1);
  // What was under way when the answer came has arrived when as much again has passed on the other flow.
  CHECK(stays.flows(100));
  const std::uint64_t stopped_at = goes.received();
  CHECK(stays.flows(2000));
  CHECK(goes.received() == stopped_at);
  CHECK(lab.policies("port=7001").empty());
  CHECK(lab.drops("zone_default") > 0);
  reload(lab, config);
  CHECK(goes.flows());
  CHECK(stays.missing() == 0);
}

// A denies the stream by its first rule and would allow it by its second. B's first rule speaks of another port, its
// second denies. Each denies; B's first rule before A's second would allow.
TEST_CASE("no packet sees half of each of two configurations") {
  if (!require_root()) return;
  GatewayLab lab{"lifeflip"};
  CAPTURE(lab.log());
  json a = lab.config();
  json deny = udp_rule("edge", 7100);
  deny["action"] = "drop";
  a["rules"] = {deny, wide_rule(), udp_rule("open", 7100), udp_rule("control", 7000)};
  json b = a;
  json other = udp_rule("edge", 7101);
  b["rules"] = {other, wide_rule(), deny, udp_rule("control", 7000)};
  b["rules"][2]["name"] = "open";
  lab.start(a);
  UdpStream control{lab, 7000};
  UdpStream denied{lab, 7100};
  REQUIRE(control.flows());
  const auto start = std::chrono::steady_clock::now();
  const int flips = flips_wanted();
  for (int flip = 0; flip < flips; ++flip) reload(lab, flip % 2 == 0 ? b : a);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  MESSAGE(flips << " flips, " << took.count() / flips
                << " ms each; datagrams that passed meanwhile: " << control.received());
  CHECK(control.flows());
  CHECK(denied.received() == 0);
  CHECK(control.missing() == 0);
  CHECK(lab.policies("port=7100").empty());
}

TEST_CASE("timeouts, pickup and budgets change by reload; what cannot is refused by name, and nothing changes") {
  if (!require_root()) return;
  GatewayLab lab{"lifeset"};
  CAPTURE(lab.log());
  json config = lab.config();
  config["rules"] = {udp_rule("all", 7000)};
  lab.start(config);
  {
    UdpStream stream{lab, 7000};
    REQUIRE(stream.flows(20));
  }
  REQUIRE(lab.policies("protocol=udp").size() == 1);

  json quick = config;
  quick["flows"] = {{"timeouts", {{"udp_s", 1}, {"udp_stream_s", 1}}}, {"pickup", "strict"}};
  quick["engine"] = {{"budget_pps", {{"fragment", 77}}}};
  reload(lab, quick);
  CHECK(eventually([&] { return lab.policies("protocol=udp").empty(); }));
  CHECK(lab.get("/v1/config")["engine"]["budget_pps"]["fragment"] == 77);

  const auto generation = lab.get("/v1/status")["generation"];
  struct Change {
    const char* path;
    json value;
    const char* named;
  };
  const Change changes[] = {
      {"/flows/max_pairs_v4", 2048, "flows.max_pairs_v4"},
      {"/engine/frames", 4096, "engine.frames"},
      {"/engine/hold_per_neighbour", 3, "engine.hold_per_neighbour"},
      {"/api/unix", "/tmp/other.sock", "api.unix"},
      {"/ports/1/device", "lan0x", "ports[1]"},
      {"/ports/1/attach", "generic", "ports[1].attach"},
  };
  for (const Change& change : changes) {
    CAPTURE(change.path);
    json next = quick;
    next[json::json_pointer(change.path)] = change.value;
    const rest::Reply reply = lab.request("PUT", "/v1/config", next.dump());
    CHECK(reply.status == 422);
    CHECK(has(reply.body, change.named));
  }
  json third = quick;
  third["ports"].push_back({{"name", "dmz"}, {"device", "dmz0"}, {"zone", "inside"}});
  CHECK(has(lab.request("PUT", "/v1/config", third.dump()).body, "there is no device dmz0"));
  CHECK(lab.get("/v1/status")["generation"] == generation);
  CHECK(lab.get("/v1/config")["flows"]["timeouts"]["udp_s"] == 1);
}

TEST_CASE("a rule keeps its counter through reloads, and a new one starts at zero") {
  if (!require_root()) return;
  GatewayLab lab{"lifecount"};
  CAPTURE(lab.log());
  json config = lab.config();
  config["rules"] = {udp_rule("old", 7000)};
  lab.start(config);
  {
    UdpStream stream{lab, 7000};
    REQUIRE(stream.flows(20));
  }
  const std::uint64_t packets = rule_packets(lab, "old");
  CHECK(packets > 0);
  json more = config;
  more["rules"] = {udp_rule("new", 7001), udp_rule("old", 7000)};
  reload(lab, more);
  CHECK(rule_packets(lab, "old") == packets);
  CHECK(rule_packets(lab, "new") == 0);
}

TEST_CASE("a dry run says what would change and changes nothing") {
  if (!require_root()) return;
  GatewayLab lab{"lifedry"};
  CAPTURE(lab.log());
  json config = lab.config();
  config["rules"] = {udp_rule("one", 7000)};
  lab.start(config);
  UdpStream stream{lab, 7000};
  REQUIRE(stream.flows());
  const json before = lab.get("/v1/config");
  const auto generation = lab.get("/v1/status")["generation"].get<std::uint32_t>();
  json next = config;
  next["rules"] = {udp_rule("two", 7001)};
  const rest::Reply reply = lab.request("PUT", "/v1/config?dry_run=1", next.dump());
  REQUIRE(reply.status == 200);
  const json answer = json::parse(reply.body);
  CHECK(answer["changes"]["added"] == json::array({"two"}));
  CHECK(answer["changes"]["removed"] == json::array({"one"}));
  CHECK(answer["generation"] == generation + 1);
  CHECK(lab.get("/v1/status")["generation"] == generation);
  CHECK(lab.get("/v1/config") == before);
  CHECK(stream.flows());
  CHECK(stream.missing() == 0);
}

TEST_CASE("while a document of the largest size is read, status answers and routes are followed, in bounded memory") {
  if (!require_root()) return;
  using Clock = std::chrono::steady_clock;
  GatewayLab lab{"lifelarge"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  const std::size_t before = peak_memory(lab);
  for (const std::size_t values : {900'000, 5'500'000}) {
    CAPTURE(values);
    const std::string body = document_of(values);
    const auto prefixes = [&] { return lab.get("/v1/status")["routes"]["prefixes"].get<int>(); };
    const int known = prefixes();
    auto put = std::async(std::launch::async, [&] { return lab.request("PUT", "/v1/config", body).status; });
    lab.gateway.run("ip route add 10.77.0.0/16 via 10.2.0.2");
    Clock::duration longest{};
    bool followed = false;
    while (put.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready || !followed) {
      const auto asked = Clock::now();
      followed = prefixes() == known + 1;
      longest = std::max(longest, Clock::now() - asked);
      REQUIRE(longest < std::chrono::seconds{5});
    }
    CHECK(put.get() == 422);
    lab.gateway.run("ip route del 10.77.0.0/16");
    CHECK(eventually([&] { return prefixes() == known; }));
  }
  CHECK(peak_memory(lab) < before + 400);
}
