// The log: what the gateway does is a line each, and packets of rules that say log are bounded and counted.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <regex>

#include "harness/host_state.hpp"
#include "harness/stream.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

constexpr const char* kRules = R"([
  {"name": "flood", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7000, "action": "drop",
   "log": true},
  {"name": "no", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": 7001, "action": "reject",
   "log": true}])";

std::vector<std::string> lines_with(const GatewayLab& lab, const std::string& text) {
  std::ifstream file(lab.log_path());
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (has(line, text)) lines.push_back(line);
  return lines;
}

std::uint64_t suppressed(const GatewayLab& lab) {
  return lab.get("/v1/rules")["rules"][0]["log"]["suppressed"].get<std::uint64_t>();
}

void send(const GatewayLab& lab, std::uint16_t port, int packets) {
  const UniqueFd client = udp_at(lab.client, {"10.1.0.2", 5000});
  const std::vector<std::uint8_t> payload(32);
  for (int i = 0; i < packets; ++i) udp_send(client.get(), {"10.2.0.2", port}, payload);
}

}  // namespace

TEST_CASE("a rule that says log writes so many lines a second, and every packet is a line or counted") {
  if (!require_root()) return;
  constexpr int kPackets = 20'000;
  GatewayLab lab{"logflood"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  const auto start = std::chrono::steady_clock::now();
  send(lab, 7000, kPackets);
  const auto took = std::chrono::steady_clock::now() - start;
  const std::uint64_t bound =
      50 * (2 + static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(took).count()));
  CHECK(eventually([&] { return lab.drops("rule") == kPackets; }));
  const auto written = [&] {
    return lines_with(lab, "rule flood: dropped (rule) udp 10.1.0.2:5000 > 10.2.0.2:7000 in lan, ");
  };
  CHECK(eventually([&] { return written().size() + suppressed(lab) == kPackets; }));
  CHECK(written().size() >= 50);
  CHECK(written().size() <= bound);
  CHECK(eventually([&] {
    std::uint64_t told = 0;
    for (const std::string& line : lines_with(lab, " more packets, not logged"))
      told += std::stoull(line.substr(line.find("flood: ") + 7));
    return told == suppressed(lab);
  }));
  CHECK(has(lab.request("GET", "/metrics").body,
            "twinpath_rule_unlogged_packets_total{rule=\"flood\",why=\"suppressed\"} " +
                std::to_string(suppressed(lab)) + "\n"));
}

TEST_CASE("an event says what has become of the packet, with the time and the zone") {
  if (!require_root()) return;
  GatewayLab lab{"logfate"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  lab.obtain_next_hops();
  send(lab, 7001, 1);
  CHECK(eventually([&] { return lines_with(lab, "rule no: rejected udp ").size() == 1; }));
  CHECK(std::regex_search(lines_with(lab, "rule no: ").front(),
                          std::regex(R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:?\d\d \[info\] rule no: )")));
  // without a daemon nobody rejects: the packet is dropped, and the next daemon writes when that was
  lab.end_daemon(SIGKILL);
  send(lab, 7001, 1);
  const auto before = std::chrono::system_clock::now();
  std::this_thread::sleep_for(std::chrono::seconds{3});
  lab.start(lab.config(kRules));
  CHECK(eventually([&] { return lines_with(lab, "rule no: dropped (engine_absent) udp ").size() == 1; }));
  const std::time_t second = std::chrono::system_clock::to_time_t(before);
  std::tm local{};
  ::localtime_r(&second, &local);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M", &local);
  const std::string line = lines_with(lab, "(engine_absent)").front();
  CHECK(line.substr(0, 16) <= text);
  CHECK(line < lines_with(lab, "is adopted").front());
}

TEST_CASE("start, links, reload, refusal and end are a line each") {
  if (!require_root()) return;
  GatewayLab lab{"loglife"};
  CAPTURE(lab.log());
  const json whole = lab.config(kAllowOut);
  lab.start(whole);
  CHECK(lines_with(lab, ", a new datapath; ports lan (lan0, native, link up), wan (wan0, native, link up)").size() ==
        1);
  lab.client.run("ip link set eth0 down");
  CHECK(eventually([&] { return lines_with(lab, "port lan: link of lan0 is down").size() == 1; }));
  lab.client.run("ip link set eth0 up");
  CHECK(eventually([&] { return lines_with(lab, "port lan: link of lan0 is up").size() == 1; }));
  json fewer = lab.config("[]");
  fewer["ports"].erase(1);
  CHECK(lab.request("PUT", "/v1/config", fewer.dump()).status == 200);
  CHECK(lines_with(lab, " in force; rules: 1 removed; port wan removed").size() == 1);
  CHECK(lab.request("PUT", "/v1/config", whole.dump()).status == 200);
  CHECK(lines_with(lab, " in force; rules: 1 added; port wan added").size() == 1);
  json bad = whole;
  bad["ports"][0]["device"] = "nosuch0";
  CHECK(lab.request("PUT", "/v1/config", bad.dump()).status == 422);
  CHECK(lines_with(lab, "a configuration was refused: ").size() == 1);
  lab.end_daemon(SIGTERM);
  CHECK(lines_with(lab, "the daemon has ended; the kernel goes on forwarding").size() == 1);
  lab.start(whole);
  CHECK(lines_with(lab, "the datapath of an earlier daemon is adopted").size() == 1);
  CHECK(command(lab, "down").status == 0);
  CHECK(lines_with(lab, "asked to end and to take everything away").size() == 1);
  CHECK(lines_with(lab, "programs, pins and offloads are undone").size() == 1);
  lab.end_daemon(SIGKILL);
}
