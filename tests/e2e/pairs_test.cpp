// pairs_test.cpp - entries that `pairs` makes in a running gateway: what benchmarks of a rewriting datapath stand on.
//
// Truth    the frames at the far ends, with the harness's own checksums; pktgen's sinks, which sum packets up whole.
#include <doctest/doctest.h>

#include <mutex>

#include "bench/pktgen/run.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/packet.hpp"
#include "harness/program.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr std::uint32_t kFlows = 1000;
constexpr std::uint64_t kPackets = 5 * kFlows;
constexpr double kSlow = 50'000;  // packets per second: nothing is lost at this rate
constexpr const char* kAllowed =
    R"([{"name": "udp", "from": "inside", "to": "outside", "protocol": "udp", "action": "allow"}])";

// The gateway between the networks that the flows of a comparison come from and go to.
class Lab : public GatewayLab {
 public:
  explicit Lab(const std::string& rules = kAllowed, std::uint32_t max_pairs = 4096) : GatewayLab("pairs") {
    gateway.run("ip route add 198.18.0.0/16 via 10.1.0.2 && ip route add 198.19.0.0/16 via 10.2.0.2");
    nlohmann::json document = config(rules);
    document["flows"]["max_pairs_v4"] = max_pairs;
    start(document);
    obtain_next_hops();
    server.run("ethtool -K eth0 gro on");  // a redirect into a veth wants NAPI at its other end
    client.run("ethtool -K eth0 gro on");
  }
  [[nodiscard]] Ran pairs(const std::string& options) const {
    return run_program(std::string(TWINPATH_PAIRS) + " " + name() + " " + options, "/tmp");
  }
  void install(const std::string& options) const {
    const Ran ran = pairs("--flows " + std::to_string(kFlows) + " " + options);
    REQUIRE_MESSAGE(ran.status == 0, ran.err);
  }
};

pktgen::RunOptions traffic(const Lab& lab) {
  pktgen::Traffic traffic;
  traffic.flows = kFlows;
  traffic.source = *pktgen::parse_addresses("198.18.0.1-198.18.0.128");
  traffic.destination = *pktgen::parse_addresses("198.19.0.1");
  traffic.destination_mac = lab_mac(1, 1).octets;
  pktgen::RunOptions run;
  run.generator = {
      .device = "eth0", .netns = lab.client.name(), .traffic = traffic, .rate_pps = kSlow, .packet_count = kPackets};
  run.checksum_every = 1;
  run.seconds = 60;  // ends by itself after its packets
  return run;
}

pktgen::Report must(Result<pktgen::Report> report) {
  REQUIRE_MESSAGE(report, report.error().text);
  return std::move(*report);
}

// What a far end hears of UDP: how much of each flow, and how many frames with a wrong checksum.
class Ear {
 public:
  Ear(const TestNamespace& part, const std::string& device)
      : listener_(part, device, [this](const Heard& heard) {
          const FlowName name = flow_name(heard.frame);
          if (heard.outgoing || name.protocol != 17) return;
          ++flows_[name].packets;
          wrong_ += checksums_right(heard.frame) ? 0 : 1;
        }) {}
  [[nodiscard]] const std::map<FlowName, Amount>& close() {
    listener_.stop();
    CHECK(listener_.missed() == 0);
    CHECK(wrong_ == 0);
    return flows_;
  }

 private:
  std::map<FlowName, Amount> flows_;
  int wrong_ = 0;
  Listener listener_;
};

FlowName arriving(std::uint32_t flow, bool rewritten) {
  if (rewritten) return {"198.20.0.1", "198.19.0.1", static_cast<std::uint16_t>(65535 - flow), 9, 17};
  return {"198.18.0.1", "198.19.0.1", static_cast<std::uint16_t>(1024 + flow), 9, 17};
}

// Of all pairs: their forward halves have counted every packet, and say what the packets showed.
void check_policies(const Lab& lab, bool rewritten) {
  const auto pairs = lab.policies();
  CHECK(pairs.size() == kFlows);
  std::uint64_t counted = 0;
  for (const auto& pair : pairs) {
    CHECK(pair["state"] == "assured");
    CHECK(pair["rule"] == "udp");
    CHECK(pair["forward"].contains("rewrite") == rewritten);
    counted += pair["forward"]["packets"].get<std::uint64_t>();
  }
  CHECK(counted == kPackets);
}

}  // namespace

TEST_CASE("packets of flows whose entries were made beforehand leave as the entries say, whole, and are counted") {
  if (!require_root()) return;
  const struct {
    const char* name;
    const char* options;
    bool rewritten;
  } cases[] = {{"with rewrite", "", true}, {"plain", "--plain", false}};
  for (const auto& row : cases) {
    SUBCASE(row.name) {
      Lab lab;
      CAPTURE(lab.log());
      lab.install(row.options);
      const std::uint64_t steered = lab.engine_received();
      Ear ear{lab.server, "eth0"};
      CHECK(must(pktgen::measure(traffic(lab))).generator.sent == kPackets);
      CHECK(eventually([&] { return lab.get("/v1/ports")["ports"][1]["forwarded"]["packets"] >= kPackets; }));
      const auto& flows = ear.close();
      CHECK(flows.size() == kFlows);
      for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
        const auto found = flows.find(arriving(flow, row.rewritten));
        REQUIRE(found != flows.end());
        CHECK(found->second.packets == kPackets / kFlows);
      }
      CHECK(lab.engine_received() == steered);
      check_policies(lab, row.rewritten);
    }
  }
}

TEST_CASE("answers to rewritten packets come back to the address and port that the flow began with") {
  if (!require_root()) return;
  Lab lab;
  CAPTURE(lab.log());
  lab.install("");
  Ear ear{lab.client, "eth0"};
  const Sender sender{lab.server, "eth0"};
  for (std::uint32_t flow = 0; flow < kFlows; flow += 100) {
    const FlowName there = arriving(flow, true);
    const Packet answer = Eth{lab_mac(2, 1), lab_mac(2, 2)} / Ipv4{.src = "198.19.0.1", .dst = "198.20.0.1"} /
                          Udp{.sport = 9, .dport = there.source_port} / Payload(18);
    sender.send(answer.bytes());
  }
  CHECK(eventually([&] { return lab.get("/v1/ports")["ports"][0]["forwarded"]["packets"] >= kFlows / 100; }));
  const auto& flows = ear.close();
  CHECK(flows.size() == kFlows / 100);
  for (std::uint32_t flow = 0; flow < kFlows; flow += 100)
    CHECK(flows.contains({"198.19.0.1", "198.18.0.1", 9, static_cast<std::uint16_t>(1024 + flow), 17}));
}

TEST_CASE("a sink finds every rewritten packet whole and in order, and the generator's own sink every answer to it") {
  if (!require_root()) return;
  Lab lab;
  CAPTURE(lab.log());
  lab.install("");
  pktgen::RunOptions run = traffic(lab);
  run.sink_device = "eth0";
  run.sink_netns = lab.server.name();
  run.replies = true;
  const pktgen::Report report = must(pktgen::measure(run));
  for (const auto& side : {report.sink, report.replies}) {
    REQUIRE(side);
    CHECK(side->total.received == kPackets);
    CHECK(side->total.reordered == 0);
    CHECK(side->total.checksums_checked == kPackets);
    CHECK(side->total.bad_ip_checksums == 0);
    CHECK(side->total.bad_l4_checksums == 0);
  }
}

TEST_CASE("pairs says why it cannot install, and for which flow no slot is free") {
  if (!require_root()) return;
  SUBCASE("a table that is too small") {
    Lab lab{kAllowed, 1024};
    const Ran ran = lab.pairs("--flows 100000");
    CHECK(ran.status == 1);
    CHECK(ran.err.find("is not installed: no way is free") != std::string::npos);
  }
  SUBCASE("flows that are there already") {
    Lab lab;
    lab.install("");
    CHECK(lab.pairs("--flows 1").err == "pairs: flow 0 is not installed: another pair has its forward key\n");
  }
  SUBCASE("a policy that forbids the flows") {
    Lab lab{"[]"};
    CHECK(lab.pairs("").err == "pairs: the gateway would not forward the flows: zone_default\n");
  }
  SUBCASE("no such gateway") {
    const Ran ran = run_program(std::string(TWINPATH_PAIRS) + " nobody", "/tmp");
    CHECK(ran.status == 1);
    CHECK(ran.err.find("no tables are pinned in /sys/fs/bpf/twinpath/nobody") != std::string::npos);
  }
}
