// telemetry_test.cpp - what the snapshots look like as JSON and as Prometheus text.
#include <arpa/inet.h>
#include <doctest/doctest.h>

#include "harness/text.hpp"
#include "telemetry/json.hpp"
#include "telemetry/policy_json.hpp"
#include "telemetry/prometheus.hpp"

using namespace twinpath;
using nlohmann::json;
using twinpath::test::has;

namespace {

PortSnapshot lan() {
  PortSnapshot port;
  port.name = "lan";
  port.device = "lan0";
  port.zone = "inside";
  port.attach = "native";
  port.link_up = true;
  port.mtu = 1500;
  port.peer = PeerSnapshot::not_reached;
  port.sockets.push_back({.queue = 2,
                          .zero_copy = false,
                          .attach = "native",
                          .fallback = "zero-copy: no",
                          .received = 7,
                          .sent = 6,
                          .sent_in_bursts = 5});
  return port;
}

LedgerSnapshot ledger() { return {.places = {{"free", 60}, {"fill", 4}}, .total = 64}; }

std::vector<ReasonSnapshot> reasons() {
  return {{DP_NO_ROUTE, {3, 180}, {1, 60}},
          {DP_LAND, {0, 0}, {0, 0}},
          {DP_STEER_FRAGMENT, {9, 900}, {0, 0}},
          {DP_PASS_HOST, {5, 500}, {0, 0}}};
}

}  // namespace

TEST_CASE("a status shows ports without traffic, the ledger with its sum, and both flow tables") {
  StatusSnapshot status;
  status.name = "edge1";
  status.generation = 7;
  status.ports.push_back(lan());
  status.ledger = ledger();
  status.flows4 = {.pairs = {.live = 10, .half_open = 3, .assured = 5, .closing = 2}, .max_pairs = 1024, .full = true};
  const json answer = status_json(status);
  CHECK(answer["name"] == "edge1");
  CHECK(answer["generation"] == 7);
  CHECK(answer["ports"][0]["peer"] == "not reached");
  CHECK(answer["ports"][0]["link"] == "up");
  CHECK_FALSE(answer["ports"][0].contains("received"));
  CHECK(answer["ports"][0]["sockets"][0] == json{{"queue", 2},
                                                 {"mode", "copy"},
                                                 {"rung", "copy, native"},
                                                 {"fallback", "zero-copy: no"},
                                                 {"received", 7},
                                                 {"sent", 6},
                                                 {"sent_in_bursts", 5}});
  CHECK(answer["ledger"] == json{{"free", 60}, {"fill", 4}, {"sum", 64}, {"total", 64}});
  CHECK(answer["flows"]["v4"] ==
        json{{"pairs", 10}, {"max_pairs", 1024}, {"half_open", 3}, {"assured", 5}, {"closing", 2}, {"full", true}});
  CHECK(answer["flows"]["v6"]["pairs"] == 0);
}

TEST_CASE("a status says whether a configuration waits to be confirmed, for how long, and how it would be undone") {
  StatusSnapshot status;
  CHECK(status_json(status)["confirm"] == json{{"waiting", false}});
  status.confirm = {.waiting = true, .seconds_left = 29, .undo = UndoSnapshot::down};
  CHECK(status_json(status)["confirm"] == json{{"waiting", true}, {"seconds_left", 29}, {"undo", "down"}});
  status.confirm.undo = UndoSnapshot::rollback;
  CHECK(status_json(status)["confirm"]["undo"] == "rollback");
}

TEST_CASE("the changes of a reload are shown list by list") {
  const PolicyDiff changes{.added = {"a"}, .removed = {}, .changed = {"b"}, .reordered = {"x to y"}, .defaults = {}};
  CHECK(policy_changes_json(changes) == json{{"added", {"a"}},
                                             {"removed", json::array()},
                                             {"changed", {"b"}},
                                             {"reordered", {"x to y"}},
                                             {"defaults", json::array()}});
}

TEST_CASE("a port with traffic shows what each datapath counted") {
  PortSnapshot port = lan();
  port.peer = PeerSnapshot::none;
  port.traffic = PortTraffic{};
  port.traffic->kernel.forwarded = {11, 1100};
  port.traffic->engine_transmitted = {2, 200};
  const json answer = ports_json(std::vector{port})[0];
  CHECK(answer["peer"].is_null());
  CHECK(answer["forwarded"] == json{{"packets", 11}, {"bytes", 1100}});
  CHECK(answer["engine_transmitted"] == json{{"packets", 2}, {"bytes", 200}});
  CHECK(answer["dropped"] == json{{"packets", 0}, {"bytes", 0}});
}

TEST_CASE("zones and rules show their words, any where no zone is named") {
  CHECK(zones_json(std::vector<ZoneSnapshot>{{"inside", DP_ACTION_REJECT, {"lan"}}}) ==
        json::array({{{"name", "inside"}, {"default", "reject"}, {"ports", {"lan"}}}}));
  const RuleSnapshot rule{"web", {}, {"outside", "dmz"}, DP_ACTION_ALLOW, DP_PLACE_USER, {12, 1200, 3}, {7, 1}};
  CHECK(rules_json(std::vector{rule}) == json::array({{{"name", "web"},
                                                       {"from", "any"},
                                                       {"to", {"outside", "dmz"}},
                                                       {"action", "allow"},
                                                       {"place", "user"},
                                                       {"packets", 12},
                                                       {"bytes", 1200},
                                                       {"flows", 3},
                                                       {"log", {{"suppressed", 7}, {"lost", 1}}}}}));
}

TEST_CASE("drops are the reasons that dropped something, with the share of each datapath") {
  const json drops = drops_json(reasons());
  REQUIRE(drops.size() == 1);
  CHECK(drops[0]["reason"] == "no_route");
  CHECK(drops[0]["packets"] == 4);
  CHECK(drops[0]["bytes"] == 240);
  CHECK(drops[0]["kernel"] == 3);
  CHECK(drops[0]["engine"] == 1);
  CHECK(drops[0]["documentation"].is_string());
}

TEST_CASE("steered are the reasons for which the kernel sent packets to the engine") {
  const json steered = steered_json(reasons());
  REQUIRE(steered.size() == 1);
  CHECK(steered[0] == json{{"reason", "fragment"}, {"packets", 9}, {"bytes", 900}, {"documentation", "a fragment"}});
}

TEST_CASE("an engine shows for which reasons it was sent packets") {
  const json engines = engines_json({.received = 9, .holding = 2}, reasons(), ledger());
  REQUIRE(engines.size() == 1);
  CHECK(engines[0]["name"] == "engine0");
  CHECK(engines[0]["received"] == 9);
  CHECK(engines[0]["holding"] == 2);
  CHECK(engines[0]["steered"] == json{{"fragment", 9}});
  CHECK(engines[0]["ledger"]["sum"] == 64);
}

TEST_CASE("metrics are Prometheus text: a head for each metric, a line for each sample") {
  MetricsSnapshot metrics;
  metrics.reasons = reasons();
  metrics.ports.push_back(lan());
  metrics.ports.back().traffic = PortTraffic{};
  metrics.ports.back().traffic->kernel.forwarded = {11, 1100};
  metrics.rules.push_back({"web", {}, {}, DP_ACTION_ALLOW, DP_PLACE_AUTO, {12, 1200, 3}, {7, 1}});
  metrics.flows6.pairs.assured = 5;
  metrics.ledger = ledger();
  const std::string text = prometheus_text(metrics);
  for (const char* line :
       {"# TYPE twinpath_packets_total counter\n",
        "twinpath_packets_total{reason=\"no_route\",datapath=\"kernel\"} 3\n",
        "twinpath_packets_total{reason=\"no_route\",datapath=\"engine\"} 1\n",
        "twinpath_packets_total{reason=\"land\",datapath=\"kernel\"} 0\n",
        "twinpath_packets_total{reason=\"fragment\",datapath=\"kernel\"} 9\n",
        "twinpath_forwarded_packets_total{port=\"lan\",datapath=\"kernel\"} 11\n",
        "twinpath_rule_packets_total{rule=\"web\"} 12\n", "twinpath_rule_bytes_total{rule=\"web\"} 1200\n",
        "twinpath_rule_flows_total{rule=\"web\"} 3\n",
        "twinpath_rule_unlogged_packets_total{rule=\"web\",why=\"suppressed\"} 7\n",
        "# TYPE twinpath_flow_pairs gauge\n", "twinpath_flow_pairs{family=\"4\",state=\"half-open\"} 0\n",
        "twinpath_flow_pairs{family=\"6\",state=\"assured\"} 5\n", "twinpath_frames{place=\"free\"} 60\n",
        "twinpath_frames{place=\"sum\"} 64\n", "twinpath_frames{place=\"total\"} 64\n"}) {
    CAPTURE(line);
    CHECK(has(text, line));
  }
  CHECK(text.back() == '\n');
}

TEST_CASE("a next hop that is not resolved has no MAC address to be shown") {
  std::vector<dp_next_hop> hops(2);
  hops[1].port = 1;
  hops[1].destination_mac[5] = 9;
  FlowSnapshot flow;
  flow.family = DP_FAMILY_V4;
  flow.forward.next_hop = 1;
  const std::vector<std::string> ports{"", "wan"};
  const PolicyNames names{{}, ports, {}, hops, 0, 1};
  CHECK(json::parse(policy_text(flow, names))["forward"]["next_hop"] == json{{"port", "wan"}, {"mac", nullptr}});
  hops[1].flags = DP_NEXT_HOP_RESOLVED;
  CHECK(json::parse(policy_text(flow, names))["forward"]["next_hop"]["mac"] == "00:00:00:00:00:09");
}

TEST_CASE("a policy pair is one JSON object with all that is known of it") {
  FlowSnapshot flow;
  flow.id = 0x1f3a80;
  flow.family = DP_FAMILY_V4;
  flow.protocol = 6;
  flow.state = DP_FLOW_ASSURED;
  flow.created = 100;
  flow.rule = 1;
  flow.forward.source.word[0] = htonl(0x0a010002);
  flow.forward.destination.word[0] = htonl(0xcb007105);
  flow.forward.source_port = htons(40000);
  flow.forward.destination_port = htons(443);
  flow.forward.new_source.word[0] = htonl(0xc6336401);
  flow.forward.new_source_port = htons(50000);
  flow.forward.zone = 1;
  flow.forward.flags = DP_FLOW_REWRITE | DP_FLOW_USER | DP_FLOW_ENGINE;
  flow.forward.stamp = 7U << 16 | 3;
  flow.forward.seen = 300;
  flow.forward.packets = 18446744073709551615U;
  flow.reverse.seen = 200;
  const std::vector<std::string> zones{"", "inside"};
  const std::vector<std::string> rules{"", "web-out"};
  const PolicyNames names{zones, {}, rules, {}, 500, 100};
  const json pair = json::parse(policy_text(flow, names));
  const json& half = pair["forward"];
  CHECK(pair["reverse"]["zone"] == "#0");
  CHECK(
      half ==
      json{{"zone", "inside"},
           {"protocol", "tcp"},
           {"source", "10.1.0.2"},
           {"source_port", 40000},
           {"destination", "203.0.113.5"},
           {"destination_port", 443},
           {"rewrite",
            {{"source", "198.51.100.1"}, {"source_port", 50000}, {"destination", "0.0.0.0"}, {"destination_port", 0}}},
           {"packets", 18446744073709551615U},
           {"bytes", 0},
           {"next_hop", nullptr}});
  json rest = pair;
  rest.erase("forward");
  rest.erase("reverse");
  CHECK(rest == json{{"id", "4-1f3a80"},
                     {"generation", 7},
                     {"origin", "engine"},
                     {"place", "user"},
                     {"state", "assured"},
                     {"age_s", 4},
                     {"idle_s", 2},
                     {"rule", "web-out"}});
}
