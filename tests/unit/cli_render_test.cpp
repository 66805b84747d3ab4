// What people see: numbers, tables, and which gateway a command is for.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "cli/instance.hpp"
#include "cli/render.hpp"
#include "harness/running_server.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::cli;
using twinpath::rest::TemporaryFolder;
using twinpath::test::has;

namespace {

void write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("large numbers are grouped") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(grouped(18446744073709551615u) == "18,446,744,073,709,551,615");
}

TEST_CASE("bytes have a unit that fits") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1500) == "1.5 kB");
  CHECK(bytes_text(9960) == "10 kB");
  CHECK(bytes_text(999'600) == "1.0 MB");
  CHECK(bytes_text(20'000'000'000) == "20 GB");
  CHECK(bytes_text(18446744073709551615u) == "18 EB");
}

TEST_CASE("durations have the two units that matter") {
  CHECK(duration_text(7) == "7 s");
  CHECK(duration_text(185) == "3 min 5 s");
  CHECK(duration_text(7800) == "2 h 10 min");
  CHECK(duration_text(356400) == "4 d 3 h");
}

TEST_CASE("an endpoint has brackets where IPv6 needs them and no port where there is none") {
  CHECK(endpoint_cell("10.1.0.2", 80) == "10.1.0.2:80");
  CHECK(endpoint_cell("2001:db8::1", 80) == "[2001:db8::1]:80");
  CHECK(endpoint_cell("10.1.0.2", 0) == "10.1.0.2");
  CHECK(endpoint_cell("10.1.0.2", nullptr) == "10.1.0.2");
  CHECK(endpoint_cell(nullptr, nullptr) == "-");
}

TEST_CASE("columns are aligned and lines have no spaces at their end") {
  Table table({{"NAME"}, {"PACKETS", Align::right}, {"TEXT"}}, "nothing");
  table.add({"a", "1", ""});
  table.add({"größer", "1,000", "x"});
  CHECK(table.take_page() ==
        "NAME    PACKETS  TEXT\n"
        "a             1\n"
        "größer    1,000  x\n");
}

TEST_CASE("the next page has no titles and keeps the widths") {
  Table table({{"A"}, {"B"}}, "nothing");
  table.add({"long", "1"});
  CHECK(table.take_page() == "A     B\nlong  1\n");
  table.add({"x", "2"});
  CHECK(table.take_page() == "x     2\n");
  CHECK(table.take_page().empty());
}

TEST_CASE("an empty table says so") { CHECK(Table({{"A"}}, "no pairs").take_page() == "no pairs\n"); }

TEST_CASE("control characters do not reach the terminal") {
  Table table({{"A"}}, "");
  table.add({"\033[2Jx\n"});
  CHECK(table.take_page() == "A\n?[2Jx?\n");
}

TEST_CASE("a full status shows every part") {
  const json status = json::parse(R"({
    "name": "edge1", "version": "0.1.0", "uptime_s": 185, "generation": 7, "epoch": 12, "kernel": "6.18.5",
    "netns": "gw",
    "ports": [
      {"name": "lan", "device": "lan0", "zone": "inside", "attach": "native", "link": true, "redirect": true,
       "sockets": [{"queue": 0, "mode": "copy"}, {"queue": 1, "mode": "copy"}, {"queue": 2, "mode": "zerocopy"}]},
      {"name": "wan", "device": "wan0", "zone": "outside", "attach": "generic", "link": "down", "sockets": []}],
    "ledger": {"free": 60000, "fill": 5536, "total": 65536},
    "flows": {"v4": {"pairs": 1024, "max_pairs": 262144, "half_open": 24, "assured": 1000, "closing": 0, "full": 0}},
    "engine": {"received": 1234567, "transmitted": 3}})");
  const std::string text = render_status(status);
  CHECK(has(text, "edge1: up 3 min 5 s, generation 7, epoch 12\n"));
  CHECK(has(text, "version 0.1.0, kernel 6.18.5, network namespace gw\n"));
  CHECK(has(text, "lan   lan0    inside   up    native   copy x2, zerocopy  yes\n"));
  CHECK(has(text, "wan   wan0    outside  down  generic  -                  -\n"));
  CHECK(has(text, "IPv4   1,024  262,144  0.4 %         24    1,000        0     0\n"));
  CHECK_FALSE(has(text, "IPv6"));
  CHECK(has(text, "frames: fill 5,536, free 60,000 of 65,536\n"));
  CHECK(has(text, "engine: received 1,234,567, transmitted 3\n"));
}

TEST_CASE("answers with nothing in them, or something else than expected, are still shown") {
  const json odd[] = {json::object(),
                      json::array(),
                      nullptr,
                      7,
                      "x",
                      {{"ports", 3},
                       {"rules", "x"},
                       {"zones", json::array({1, nullptr})},
                       {"drops", json::array({3})},
                       {"flows", 1},
                       {"ledger", json::array()},
                       {"name", -1},
                       {"uptime_s", -5}}};
  for (const json& answer : odd) {
    CAPTURE(answer.dump());
    CHECK_FALSE(render_status(answer).empty());
    CHECK_FALSE(render_ports(answer).empty());
    CHECK_FALSE(render_zones(answer).empty());
    CHECK_FALSE(render_rules(answer).empty());
    CHECK_FALSE(render_drops(answer, nullptr).empty());
    CHECK_FALSE(render_steered(answer, nullptr).empty());
    Table table = policy_table();
    add_policy(table, answer);
    CHECK_FALSE(table.take_page().empty());
  }
}

TEST_CASE("rules show their zones, any when none is named") {
  const json answer = {{"rules",
                        {{{"name", "web"},
                          {"from", "inside"},
                          {"to", {"outside", "dmz"}},
                          {"action", "allow"},
                          {"place", "auto"},
                          {"packets", 1200},
                          {"bytes", 64000},
                          {"flows", 12}},
                         {{"name", "rest"}, {"action", "drop"}}}}};
  CHECK(render_rules(answer) ==
        "RULE  FROM    TO            ACTION  PLACE  FLOWS  PACKETS  BYTES\n"
        "web   inside  outside, dmz  allow   auto      12    1,200  64 kB\n"
        "rest  any     any           drop    -          -        -      -\n");
}

TEST_CASE("drops show what has counted, the most first") {
  const json answer = {{"drops",
                        {{{"reason", "no_route"}, {"packets", 3}, {"bytes", 180}, {"documentation", "no route"}},
                         {{"reason", "land"}, {"packets", 0}, {"bytes", 0}},
                         {{"reason", "rule"}, {"packets", 7}, {"bytes", 420}}}}};
  CHECK(render_drops(answer, nullptr) ==
        "REASON    PACKETS  BYTES  MEANING\n"
        "rule            7  420 B  -\n"
        "no_route        3  180 B  no route\n");
}

TEST_CASE("steered packets are a table of their own, which says so when it is empty") {
  const json answer = {
      {"drops", {{{"reason", "rule"}, {"packets", 7}}}},
      {"steered", {{{"reason", "ttl"}, {"packets", 2}, {"bytes", 120}, {"documentation", "time exceeded"}}}}};
  CHECK(render_steered(answer, nullptr) ==
        "STEERED  PACKETS  BYTES  MEANING\n"
        "ttl            2  120 B  time exceeded\n");
  CHECK(render_steered(answer, answer) == "no packet was steered\n");
  CHECK(render_steered({{"drops", json::array()}}, nullptr) == "no packet was steered\n");
}

TEST_CASE("watched drops are counted from the answer before, and a restarted counter is not below zero") {
  const auto drops = [](int no_route, int rule) {
    return json{{"drops", {{{"reason", "no_route"}, {"packets", no_route}}, {{"reason", "rule"}, {"packets", rule}}}}};
  };
  CHECK(has(render_drops(drops(10, 5), drops(4, 5)), "no_route        6"));
  CHECK_FALSE(has(render_drops(drops(10, 5), drops(4, 5)), "rule"));
  CHECK(render_drops(drops(1, 1), drops(4, 5)) == "no packet was dropped\n");
}

TEST_CASE("a policy pair shows both directions and its rewrite") {
  const json pair =
      json::parse(R"({"id": "v4-17", "state": "assured", "origin": "kernel", "rule": "web-out", "idle_s": 4,
    "forward": {"zone": "inside", "source": "10.1.0.2", "source_port": 40000, "destination": "203.0.113.5",
      "destination_port": 443, "protocol": 6, "packets": 1000, "bytes": 64000,
      "rewrite": {"source": "198.51.100.1", "source_port": 50000}},
    "reverse": {"packets": 900, "bytes": 1200000}})");
  Table table = policy_table();
  add_policy(table, pair);
  const std::string text = table.take_page();
  CHECK(has(text,
            "v4-17  assured  kernel  inside  tcp    10.1.0.2:40000 > 203.0.113.5:443  198.51.100.1:50000  web-out  "));
  CHECK(has(text, "1,000  64 kB       900  1.2 MB   4 s\n"));
}

TEST_CASE("the socket is found by name, by the daemon's state file, or as it is told") {
  TemporaryFolder folder;
  const std::string path = folder.file("");
  const std::string root = path.substr(0, path.size() - 1);
  write(folder.file("other.json"), R"({"socket": "/elsewhere/api.sock"})");
  write(folder.file("broken.json"), "{");
  const struct {
    const char* name;
    const char* told;
    std::string socket;
  } cases[] = {
      {"edge1", "", root + "/edge1.sock"},
      {"other", "", "/elsewhere/api.sock"},
      {"broken", "", root + "/broken.sock"},
      {"other", "/told.sock", "/told.sock"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    Global global;
    global.name = c.name;
    global.socket = c.told;
    const Result<Instance> found = find_instance(global, root);
    REQUIRE(found);
    CHECK(found->name == c.name);
    CHECK(found->socket == c.socket);
  }
}

TEST_CASE("without a name the only gateway is meant, and several are listed") {
  TemporaryFolder folder;
  const std::string path = folder.file("");
  const std::string root = path.substr(0, path.size() - 1);
  CHECK(find_instance({}, root)->name == "default");
  CHECK(find_instance({}, root + "/none")->name == "default");
  write(folder.file("edge1.sock"), "");
  write(folder.file("edge1.log"), "");
  CHECK(find_instance({}, root)->name == "edge1");
  write(folder.file("edge2.json"), "");
  REQUIRE_FALSE(find_instance({}, root));
  CHECK(has(find_instance({}, root).error().text, "edge1, edge2"));
  write(folder.file("default.sock"), "");
  CHECK(find_instance({}, root)->name == "default");
}

TEST_CASE("a name cannot lead out of its folder") {
  for (const char* name : {"", ".", "..", "../x", "a/b", "a.b", "a b", "012345678901234567890123456789012"}) {
    CAPTURE(name);
    CHECK_FALSE(check_name(name));
  }
  CHECK(check_name("edge-1_A"));
}

TEST_CASE("changes of a dry run are a line each, and none is said to be none") {
  const json changes = {
      {"added", {"two"}},
      {"removed", {"one"}},
      {"changed", {"listed", "web"}},
      {"values",
       {"web: action allow, now drop", "web: destination_port [80], now any", "web-2: action drop, now allow"}},
      {"reordered", {"inside to outside"}},
      {"defaults", {"inside to dmz: no such pair, now drop"}},
      {"ports", {{"added", {"dmz"}}, {"removed", {"wan"}}, {"changed", {"lan: zone inside, now office"}}}},
      {"zones", {{"added", {"office"}}, {"removed", json::array()}, {"changed", json::array()}}}};
  CHECK(render_changes(changes) ==
        "port dmz: added\nport wan: removed\nport lan: zone inside, now office\nzone office: added\n"
        "rule two: added\nrule one: removed\n"
        "rule listed: changed\nrule web: action allow, now drop\nrule web: destination_port [80], now any\n"
        "rules from inside to outside: in another order\n"
        "default from inside to dmz: no such pair, now drop\n");
  CHECK(render_changes({{"added", json::array()}}) == "no rule, port or zone would change\n");
  CHECK(render_changes(nullptr).empty());
}
