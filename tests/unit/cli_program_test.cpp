// The program itself: exit statuses, and what goes to which stream.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "harness/program.hpp"
#include "harness/running_server.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::rest;
using nlohmann::json;
using twinpath::test::has;

namespace {

constexpr std::string_view good_document = R"({
  "name": "edge1",  // a comment
  "ports": [{"name": "lan", "device": "lan0", "zone": "inside"}],
  "zones": {"inside": {"default": "drop"}}
})";

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }
// The program with a gateway to talk to.
struct Fixture {
  TemporaryFolder folder;
  Running server;

  // For the gateway of this fixture.
  Ran run(const std::string& arguments) const { return run_alone("--socket " + server.socket() + " " + arguments); }
  Ran run_alone(const std::string& arguments) const {
    return run_program(TWINPATH_PROGRAM " " + arguments, folder.file(""));
  }
  std::string document(std::string_view text) const {
    const std::string path = folder.file("document.json");
    std::ofstream(path) << text;
    return path;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a command line that makes no sense ends with 2 and says why") {
  for (const char* arguments : {"", "dance", "status --bogus", "check", "up", "reload", "policies --state open",
                                "policies --origin nic", "policies --limit 0", "policies --limit x",
                                "policies --port 65536", "status extra", "--json", "up -c x --confirm-within soon",
                                "up -c x --confirm-within -1", "up -c x --confirm-within 86401", "confirm 5"}) {
    CAPTURE(arguments);
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "help and version are not errors") {
  CHECK(run("--help").status == 0);
  CHECK(has(run("policies --help").out, "--destination"));
  CHECK(has(run("--version").out, "twinpath 0."));
}

TEST_CASE_FIXTURE(Fixture, "a good document is ok without any gateway") {
  const std::string path = document(good_document);
  const Ran ran = run("check -c " + path);
  CHECK(ran.status == 0);
  CHECK(ran.out == path + ": ok: gateway \"edge1\", 1 port, 2 zones, 0 rules\n");
  CHECK(ran.err.empty());
}

TEST_CASE_FIXTURE(Fixture, "each fault of a document has its line with file and path") {
  const std::string path = document(R"({"ports": [{"device": "lan0"}], "colour": "red"})");
  const Ran ran = run("check -c " + path);
  CHECK(ran.status == 1);
  CHECK(ran.out.empty());
  CHECK(lines(ran.err) >= 2);
  CHECK(has(ran.err, path + ": ports[0].zone: "));
  CHECK(has(ran.err, path + ": colour: "));
  const json faults = json::parse(run("--json check -c " + path).out);
  CHECK(faults["ok"] == false);
  CHECK(faults["faults"].size() == lines(ran.err));
}

TEST_CASE_FIXTURE(Fixture, "what fails says so in one line and ends with 1") {
  const struct {
    const char* name;
    std::string arguments;
    const char* part;
  } cases[] = {
      {"no such file", "check -c /nonexistent.json", "/nonexistent.json: No such file"},
      {"a folder", "check -c /", "read /"},
      {"confirm", "confirm --socket " + server.socket(), "nothing to confirm"},
      {"nobody there", "--socket /nonexistent.sock status", "no gateway \"default\" is running"},
      {"a bad filter", "policies --source 10.0.0.0/40 --socket " + server.socket(), "source: \"10.0.0.0/40\" is not"},
      {"a bad name", "-n ../x status", "is not a gateway's name"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.arguments);
    const Ran ran = run_alone(c.arguments);
    CAPTURE(ran.err);
    CHECK(ran.status == 1);
    CHECK(ran.out.empty());
    CHECK(lines(ran.err) == 1);
    CHECK(has(ran.err, "twinpath: "));
    CHECK(has(ran.err, c.part));
  }
}

TEST_CASE_FIXTURE(Fixture, "views are tables, and JSON when asked for, wherever the option stands") {
  CHECK(has(run("status").out, "edge1: up -, generation 7"));
  CHECK(json::parse(run("status --json").out)["generation"] == 7);
  CHECK(json::parse(run("--json rules").out)["rules"][0]["name"] == "web-out");
  CHECK(has(run("rules").out, "web-out"));
  CHECK(has(run("ports").out, "lan0"));
  CHECK(has(run("zones").out, "inside"));
  CHECK(has(run("drops").out, "no_route        3"));
  CHECK_FALSE(has(run("drops").out, "STEERED"));
  CHECK(has(run("drops --steered").out, "no_route        3"));
  CHECK(has(run("drops --steered").out, "fragment        4"));
  CHECK(json::parse(run("drops --steered --json").out)["steered"][0]["packets"] == 4);
}

TEST_CASE_FIXTURE(Fixture, "an empty policy table says so") {
  CHECK(run("policies").out == "no policy pairs\n");
  CHECK(json::parse(run("policies --json").out)["policies"].empty());
}

TEST_CASE_FIXTURE(Fixture, "policies follows the pages to the end, or to the limit") {
  server.with([](FakeGateway& gateway) { gateway.add_pairs(2345); });
  CHECK(lines(run("policies").out) == 2346);
  CHECK(lines(run("policies --limit 1500").out) == 1501);
  CHECK(json::parse(run("policies --json").out)["policies"].size() == 2345);
  CHECK(json::parse(run("policies --json --limit 2").out)["policies"].size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "policies hands its filters to the gateway") {
  CHECK(run("policies --zone inside --source 10.1.0.0/16 --destination 2001:db8::/32 --protocol icmpv6 --port 0 "
            "--state closing --origin kernel")
            .status == 0);
  const PolicyQuery query = server.with([](const FakeGateway& gateway) { return gateway.last_query; });
  CHECK(query.zone == "inside");
  CHECK(query.source->bits == 16);
  CHECK(query.destination->base.family == DP_FAMILY_V6);
  CHECK(query.protocol == 58);
  CHECK(query.port == 0);
  CHECK(query.state == DP_FLOW_CLOSING);
  CHECK(query.origin == FlowOrigin::kernel);
}

TEST_CASE_FIXTURE(Fixture, "reload sends the document as it was written") {
  const Ran ran = run("reload -c " + document(good_document));
  CAPTURE(ran.err);
  CHECK(ran.status == 0);
  CHECK(ran.out == "edge1: generation 8 in force\n");
  CHECK(server.with([](const FakeGateway& gateway) { return gateway.last_config; }) == good_document);
  CHECK_FALSE(server.with([](const FakeGateway& gateway) { return gateway.last_dry_run; }));
}

TEST_CASE_FIXTURE(Fixture, "what has to be confirmed is said with the time that is left and the command") {
  server.with([](FakeGateway& gateway) { gateway.confirm_within_s = 30; });
  CHECK(run("-n edge1 reload -c " + document(good_document)).out ==
        "edge1: generation 8 in force\n"
        "edge1: in 30 s the previous configuration is restored, unless you keep it: twinpath -n edge1 confirm\n");
  server.with([](FakeGateway& gateway) {
    gateway.status_answer["confirm"] = {{"waiting", true}, {"seconds_left", 29}, {"undo", "down"}};
  });
  CHECK(has(run("status").out, "edge1: in 29 s everything is undone, unless you keep it: twinpath -n edge1 confirm\n"));
  server.with([](FakeGateway& gateway) { gateway.status_answer["confirm"] = {{"waiting", false}}; });
  CHECK_FALSE(has(run("status").out, "confirm"));
}

TEST_CASE_FIXTURE(Fixture, "confirm keeps what waits, and a reload before that is refused") {
  server.with([](FakeGateway& gateway) { gateway.waiting_s = 9; });
  const Ran refused = run("reload -c " + document(good_document));
  CHECK(refused.status == 1);
  CHECK(has(refused.err, "is undone in 9 s: confirm it first, or wait\n"));
  CHECK(lines(refused.err) == 1);
  const Ran kept = run("-n edge1 confirm");
  CHECK(kept.status == 0);
  CHECK(kept.out == "edge1: generation 7 is confirmed\n");
  CHECK(server.with([](const FakeGateway& gateway) { return gateway.confirmed; }) == 1);
  server.with([](FakeGateway& gateway) { gateway.waiting_s = 9; });
  CHECK(json::parse(run("--json confirm").out)["confirmed"] == true);
}

TEST_CASE_FIXTURE(Fixture, "a dry run says what would change") {
  const Ran ran = run("reload --dry-run -c " + document(good_document));
  CHECK(ran.status == 0);
  CHECK(has(ran.out, "rules: 1 added\n"));
  CHECK(has(ran.out, "nothing was changed"));
  CHECK(server.with([](const FakeGateway& gateway) { return gateway.last_dry_run; }));
}

TEST_CASE_FIXTURE(Fixture, "a bad document is not sent") {
  const Ran ran = run("reload -c " + document("{}"));
  CHECK(ran.status == 1);
  CHECK(server.with([](const FakeGateway& gateway) { return gateway.last_config; }).empty());
}

TEST_CASE_FIXTURE(Fixture, "faults that only the gateway finds are shown like the others") {
  server.with([](FakeGateway& gateway) {
    gateway.faults = {{"ports[0].device", "no such device: lan0"}, {"", "and more"}};
  });
  const std::string path = document(good_document);
  const Ran ran = run("reload -c " + path);
  CHECK(ran.status == 1);
  CHECK(has(ran.err, path + ": ports[0].device: no such device: lan0\n"));
  CHECK(lines(ran.err) == 2);
}

TEST_CASE_FIXTURE(Fixture, "a pipe that closes early ends the program quietly") {
  server.with([](FakeGateway& gateway) { gateway.add_pairs(50'000); });
  const Ran ran =
      run_program("{ " TWINPATH_PROGRAM " --socket " + server.socket() + " policies | head -n 1; }", folder.file(""));
  CHECK(lines(ran.out) == 1);
  CHECK(ran.err.empty());
}
