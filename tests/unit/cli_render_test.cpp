// What people see: numbers, tables, and which gateway a command is for.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "cli/instance.hpp"
#include "cli/pair_splitter.hpp"
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
    "name": "edge1", "version": "0.0.1", "uptime_s": 185, "generation": 7, "epoch": 12, "kernel": "6.18.5",
    "netns": "gw",
    "ports": [
      {"name": "lan", "device": "lan0", "zone": "inside", "attach": "native", "link": true, "redirect": true,
       "sockets": [{"queue": 0, "mode": "copy"}, {"queue": 1, "mode": "copy"}, {"queue": 2, "mode": "zerocopy"}]},
      {"name": "wan", "device": "wan0", "zone": "outside", "attach": "generic", "link": "down", "sockets": []}],
    "ledger": {"free": 60000, "fill": 5536, "total": 65536},
    "flows": {"v4": {"pairs": 1024, "max_pairs": 262144, "half_open": 24, "assured": 1000, "closing": 0, "full": false},
              "v6": {"pairs": 2048, "max_pairs": 2048, "half_open": 2048, "assured": 0, "closing": 0, "full": true}},
    "engine": {"received": 1234567, "transmitted": 3}})");
  const std::string text = render_status(status);
  CHECK(has(text, "edge1: up 3 min 5 s, generation 7, epoch 12\n"));
  CHECK(has(text,
            "version 0.0.1 (this program is 0.1.0: after down and up the daemon is, too), kernel 6.18.5, network "
            "namespace gw\n"));
  CHECK(has(text, "lan   lan0    inside   up    native   copy x2, zerocopy  yes\n"));
  CHECK(has(text, "wan   wan0    outside  down  generic  -                  -\n"));
  CHECK(has(text, "IPv4   1,024  262,144    0.4 %         24    1,000        0    no\n"));
  CHECK(has(text, "IPv6   2,048    2,048  100.0 %      2,048        0        0   yes\n"));
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
    CHECK_FALSE(render_drops(answer).empty());
    CHECK_FALSE(render_steered(answer).empty());
    PolicyTables tables(0);
    tables.add(answer);
    CHECK_FALSE(tables.take_last().empty());
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
  CHECK(render_drops(answer) ==
        "REASON    PACKETS  BYTES  MEANING\n"
        "rule            7  420 B  -\n"
        "no_route        3  180 B  no route\n");
}

TEST_CASE("steered packets are a table of their own, which says so when it is empty") {
  const json answer = {
      {"drops", {{{"reason", "rule"}, {"packets", 7}}}},
      {"steered", {{{"reason", "ttl"}, {"packets", 2}, {"bytes", 120}, {"documentation", "time exceeded"}}}}};
  CHECK(render_steered(answer) ==
        "STEERED  PACKETS  BYTES  MEANING\n"
        "ttl            2  120 B  time exceeded\n");
  CHECK(render_steered({{"drops", json::array()}}) == "no packet was steered\n");
}

TEST_CASE("watched drops are counted from the answer before, and a restarted counter is not below zero") {
  const auto answer = [](int no_route, int rule) {
    return json{{"drops",
                 {{{"reason", "no_route"},
                   {"packets", no_route},
                   {"bytes", no_route * 60},
                   {"kernel", no_route},
                   {"engine", 0}},
                  {{"reason", "rule"}, {"packets", rule}}}}};
  };
  CHECK(counted_since(answer(10, 5), answer(4, 5)) ==
        json{{"drops", {{{"reason", "no_route"}, {"packets", 6}, {"bytes", 360}, {"kernel", 6}, {"engine", 0}}}}});
  CHECK(counted_since(answer(1, 1), answer(4, 5))["drops"].empty());
  CHECK(counted_since(answer(1, 0), nullptr)["drops"].size() == 1);
  CHECK(counted_since(nullptr, answer(1, 1)).empty());
}

TEST_CASE("a policy pair shows both directions and its rewrite") {
  const json pair =
      json::parse(R"({"id": "v4-17", "state": "assured", "origin": "kernel", "rule": "web-out", "idle_s": 4,
    "forward": {"zone": "inside", "source": "10.1.0.2", "source_port": 40000, "destination": "203.0.113.5",
      "destination_port": 443, "protocol": 6, "packets": 1000, "bytes": 64000,
      "rewrite": {"source": "198.51.100.1", "source_port": 50000}},
    "reverse": {"packets": 900, "bytes": 1200000}})");
  PolicyTables tables(0);
  tables.add(pair);
  const std::string text = tables.take_last();
  CHECK(has(text,
            "v4-17      assured    kernel  inside  tcp     10.1.0.2:40000 > 203.0.113.5:443  "
            "198.51.100.1:50000  web-out      1,000   64 kB        900  1.2 MB          4 s\n"));
}

namespace {

json pair_of(const char* id, const char* protocol, json source, int source_port, json destination,
             int destination_port) {
  return {{"id", id},
          {"state", "assured"},
          {"origin", "kernel"},
          {"rule", "web-out"},
          {"idle_s", 4},
          {"forward",
           {{"zone", "inside"},
            {"source", std::move(source)},
            {"source_port", source_port},
            {"destination", std::move(destination)},
            {"destination_port", destination_port},
            {"protocol", protocol},
            {"packets", 1},
            {"bytes", 84}}},
          {"reverse", {{"packets", 1}, {"bytes", 84}}}};
}

// Where each title begins or, of numbers, ends; and how long the longest line is.
std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = text.find('\n', start);
    longest = std::max(longest, end - start);
    start = end + 1;
  }
  return longest;
}

}  // namespace

TEST_CASE("an ICMP query has an identifier, not ports") {
  const struct {
    const char* protocol;
    int query;
    const char* flow;
  } cases[] = {{"icmp", 8 * 256, "a > b echo id 8919 "},
               {"icmp", 13 * 256, "a > b timestamp id 8919 "},
               {"icmp", 8 * 256 + 5, "a > b echo code 5 id 8919 "},
               {"icmpv6", 128 * 256, "a > b echo id 8919 "},
               {"udp", 8 * 256, "a:8919 > b:2048 "},
               {"icmp", 9 * 256, "a:8919 > b:2304 "}};
  for (const auto& c : cases) {
    CAPTURE(c.flow);
    PolicyTables tables(0);
    tables.add(pair_of("4-1", c.protocol, "a", 8919, "b", c.query));
    CHECK(has(tables.take_last(), c.flow));
  }
}

TEST_CASE("columns of flows stay where they are from page to page, and each family has its own") {
  PolicyTables tables(0);
  tables.add(pair_of("4-1", "tcp", "10.1.0.2", 40000, "203.0.113.5", 443));
  const std::string first = tables.take();
  tables.add(pair_of("4-1f3a80", "icmp", "10.1.0.2", 7, "203.0.113.5", 2048));
  const std::string second = tables.take();
  CHECK(second.find("icmp") == first.find("tcp") - first.find('\n') - 1);
  CHECK(second.find("web-out") == first.find("web-out") - first.find('\n') - 1);
  tables.add(pair_of("6-1", "tcp", "2001:db8::1", 40000, "2001:db8::2", 443));
  const std::string v6 = tables.take_last();
  CHECK(v6.starts_with("\nID "));
  CHECK(has(v6, "[2001:db8::1]:40000 > [2001:db8::2]:443"));
}

TEST_CASE("flows fit every terminal that can show a flow at all, and nothing is cut where there is none") {
  const std::string wide = "2001:db8:1111:2222:3333:4444:5555:6666";
  for (const std::size_t columns : {60, 80, 100, 132, 200}) {
    CAPTURE(columns);
    PolicyTables tables(columns);
    tables.add(pair_of("4-1", "tcp", "255.255.255.255", 65535, "255.255.255.254", 65535));
    tables.add(pair_of("6-123456789", "tcp", wide, 65535, wide, 65535));
    std::string text = tables.take();
    tables.add(pair_of("4-123456789abcdef", "tcp", wide, 65535, wide, 65535));
    text += tables.take_last();
    CAPTURE(text);
    CHECK(longest_line(text) <= columns);
    CHECK(has(text, "FLOW"));
    CHECK(has(text, "STATE"));
  }
  PolicyTables tables(0);
  tables.add(pair_of("6-1", "tcp", wide, 65535, wide, 65535));
  CHECK(has(tables.take_last(), "[" + wide + "]:65535 > [" + wide + "]:65535"));
}

TEST_CASE("text for a terminal keeps what is UTF-8 and nothing that controls it") {
  CHECK(printable("größer 漢 🙂") == "größer 漢 🙂");
  CHECK(printable("\033[2J\x7f\n") == "?[2J??");
  CHECK(printable("a\xc2\x9b"
                  "2Jb") == "a?2Jb");  // CSI of C1
  CHECK(printable("\xff\xc3") == "??");
  CHECK(in_quotes("a\"\\\n\x1b\xff") == "\"a\\\"\\\\\\x0a\\x1b\\xff\"");
  CHECK(in_quotes(std::string(1000, 'x')).size() == 65);
}

TEST_CASE("the pairs in a stream are found whatever the pieces are") {
  const std::string text =
      "{\"policies\":[\n{\"id\":\"4-1\",\"a\":{\"b\":[1,{}]},\"s\":\"}]{\\\"\\\\\"},\n{\"id\":\"4-2\"}\n],\"cursor\":"
      "null}\n";
  const std::vector<std::string> want = {"{\"id\":\"4-1\",\"a\":{\"b\":[1,{}]},\"s\":\"}]{\\\"\\\\\"}",
                                         "{\"id\":\"4-2\"}"};
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> pairs;
    PairSplitter splitter([&](std::string_view pair) {
      pairs.emplace_back(pair);
      return true;
    });
    for (std::size_t at = 0; at < text.size(); at += size) CHECK(splitter.add(std::string_view(text).substr(at, size)));
    CHECK(pairs == want);
  }
  int taken = 0;
  PairSplitter one([&](std::string_view) { return ++taken < 1; });
  CHECK_FALSE(one.add(text));
  CHECK(taken == 1);
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
