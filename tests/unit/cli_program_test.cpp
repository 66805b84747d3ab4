// The program itself: exit statuses, and what goes to which stream.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

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

TEST_CASE_FIXTURE(Fixture, "a command line that makes no sense ends with 2 and says why in one line, or in JSON") {
  for (const char* arguments :
       {"", "polices", "status --bogus", "check", "policies --limit abc", "up -c x --confirm-within -1"}) {
    CAPTURE(arguments);
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK(lines(ran.err) == 1);
    CHECK(has(ran.err, "twinpath: "));
    const Ran in_json = run(std::string(arguments) + " --json");
    CHECK(in_json.status == 2);
    CHECK(in_json.err.empty());
    CHECK("twinpath: " + json::parse(in_json.out)["error"]["message"].get<std::string>() + "\n" == ran.err);
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
      {"a folder", "check -c /", "/ is a directory"},
      {"nothing", "check -c /dev/null", "the document is empty"},
      {"confirm", "confirm --socket " + server.socket(), "nothing to confirm"},
      {"nobody there", "--socket /nonexistent.sock status", "no gateway \"default\" is running"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.arguments);
    const Ran ran = run_alone(c.arguments);
    CAPTURE(ran.err);
    CHECK(ran.status == 1);
    CHECK(ran.out.empty());
    CHECK(lines(ran.err) == 1);
    CHECK(has(ran.err, c.part));
    const Ran in_json = run_alone(c.arguments + " --json");
    CHECK(in_json.status == 1);
    CHECK(in_json.err.empty());
    CHECK(has(json::parse(in_json.out)["error"]["message"].get<std::string>(), c.part));
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
  CHECK(json::parse(run("policies --json --limit 1001").out)["policies"].size() == 1001);
  CHECK(json::parse(run("policies --json --limit 33554432").out)["policies"].size() == 2345);
}

TEST_CASE_FIXTURE(Fixture, "a list that breaks off in the middle is still a document, with the error in it") {
  server.gateway.add_pairs(2345);
  server.gateway.pages_given = 3;
  const Ran ran = run("policies --json");
  CHECK(ran.status == 1);
  const json answer = json::parse(ran.out);
  CHECK(answer["policies"].size() == 600);
  CHECK(answer["error"]["message"].is_string());
  CHECK(ran.err.empty());
  server.gateway.pages_asked = 0;
  const Ran table = run("policies");
  CHECK(table.status == 1);
  CHECK(lines(table.out) == 601);
  CHECK(lines(table.err) == 1);
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

TEST_CASE_FIXTURE(Fixture, "rules that do not fit are refused by check as by the daemon, with file and place") {
  json wide = {{"name", "wide"}, {"from", "inside"}, {"to", "any"}, {"protocol", "tcp"}, {"action", "allow"}};
  for (int i = 0; i < 59; ++i) wide["source"].push_back(fmt::format("10.{}.0.0/16", i));
  for (int i = 0; i < 100; ++i) wide["destination_port"].push_back(1 + 2 * i);
  const json config = {{"ports", {{{"device", "lan0"}, {"zone", "inside"}}}}, {"rules", {wide}}};
  const std::string path = document(config.dump());
  const Ran ran = run("check -c " + path);
  CHECK(ran.status == 1);
  CHECK(ran.err == path +
                       ": rules[0]: \"wide\" does not fit: it is 5900 compiled rules from inside to host, and all "
                       "rules of all zone pairs together may be 2048\n");
  CHECK(run("reload -c " + path).err == ran.err);
  CHECK(server.gateway.last_config.empty());
}

TEST_CASE_FIXTURE(Fixture, "a document comes from a file, a pipe or standard input") {
  const std::string path = document(good_document);
  const auto shell = [&](const std::string& line) { return run_program("{ " + line + "; }", folder.file("")); };
  const std::string program = TWINPATH_PROGRAM;
  CHECK(shell("cat " + path + " | " + program + " check -c -").out ==
        "standard input: ok: gateway \"edge1\", 1 port, 2 zones, 0 rules\n");
  CHECK(shell("echo '{}' | " + program + " check -c -").err ==
        "standard input: ports: missing: a list of at least one port\n");
  CHECK(shell("bash -c '" + program + " check -c <(sleep 0.3; cat " + path + ")'").status == 0);
  const std::string fifo = folder.file("fifo");
  CHECK(shell("mkfifo " + fifo + " && { (sleep 0.3; cat " + path + " >" + fifo + ") & } && " + program + " check -c " +
              fifo)
            .status == 0);
  CHECK(shell("cat " + path + " | " + program + " --socket " + server.socket() + " reload -c -").out ==
        "edge1: generation 8 in force\n");
  CHECK(server.gateway.last_config == good_document);
}

TEST_CASE_FIXTURE(Fixture, "a pipe that nobody writes into is not waited for without end") {
  const std::string fifo = folder.file("fifo");
  const Ran ran = run_program("mkfifo " + fifo + " && " TWINPATH_PROGRAM " check -c " + fifo, folder.file(""));
  CHECK(ran.status == 1);
  CHECK(ran.err == "twinpath: " + fifo + ": nothing came out of it for 10 s\n");
}

TEST_CASE_FIXTURE(Fixture, "a token that is not there is refused by check; one that may not be read is left to root") {
  json config = json::parse(good_document, nullptr, true, true);
  config["api"]["token_file"] = folder.file("token");
  const std::string path = document(config.dump());
  CHECK(run("check -c " + path).err ==
        path + ": api.token_file: \"" + folder.file("token") + "\": No such file or directory\n");
  std::ofstream(folder.file("token")) << " \n";
  CHECK(has(run("check -c " + path).err, "has no token: it must begin with a word\n"));
  std::ofstream(folder.file("token")) << "secret\n";
  CHECK(run("check -c " + path).status == 0);
}

TEST_CASE_FIXTURE(Fixture, "watched drops are labelled: so far, then each interval, with the time") {
  const std::string watch = " drops --watch 2>&1 & watcher=$!; sleep 3; kill $watcher";
  const Ran table = run_program("{ " TWINPATH_PROGRAM " --socket " + server.socket() + watch + "; }", folder.file(""));
  CHECK(has(table.out, ", so far:\nREASON    PACKETS  BYTES  MEANING\nno_route        3"));
  CHECK(has(table.out, ", in the last 1.0 s:\nno packet was dropped\n"));
  const Ran in_json =
      run_program("{ " TWINPATH_PROGRAM " --json --socket " + server.socket() + watch + "; }", folder.file(""));
  std::istringstream all(in_json.out);
  std::string line;
  REQUIRE(std::getline(all, line));
  const json first = json::parse(line);
  CHECK(first["interval_s"].is_null());
  CHECK(first["drops"][0]["packets"] == 3);
  CHECK(first["time"].get<std::string>().size() == std::string("2026-01-01T00:00:00Z").size());
  REQUIRE(std::getline(all, line));
  const json second = json::parse(line);
  CHECK(second["interval_s"].get<double>() >= 0.9);
  CHECK(second["drops"].empty());
}

TEST_CASE_FIXTURE(Fixture, "who takes no answer is told so, and what is open is not written into") {
  server.gateway.add_pairs(3000);
  const auto shell = [&](const std::string& command, const std::string& where) {
    server.gateway.waiting_s = 9;
    return run_program("sh -c '" TWINPATH_PROGRAM " --socket " + server.socket() + " " + command + " " + where + "'",
                       folder.file(""));
  };
  for (const char* command :
       {"status", "ports", "zones", "rules", "drops", "drops --watch", "policies", "policies --json", "status --json",
        "--help", "--version", "policies --help", "confirm"}) {
    CAPTURE(command);
    const Ran full = shell(command, ">/dev/full");
    CHECK(full.status == (std::string_view(command) == "confirm" ? 0 : 1));
    CHECK(has(full.err, "twinpath: write to standard output: No space left on device\n"));
    CHECK(lines(full.err) == 1);
    if (std::string_view(command) == "drops --watch") continue;
    const Ran closed = shell(command, ">&-");
    CHECK(closed.status == 0);
    CHECK(closed.out.empty());
    CHECK(closed.err.empty());
    CHECK(shell(command, "2>&- | head -n 1").status == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "no command writes an escape sequence, terminal or not") {
  server.gateway.status_answer["problems"] = {"\033[31mred"};
  server.gateway.add_pairs(3);
  for (const char* command :
       {"status", "ports", "rules", "drops", "policies", "-n \"$(printf \"\\033[2J\")\" status"}) {
    for (const char* color : {"", "NO_COLOR=1 ", "TERM=dumb "}) {
      const Ran ran = run_program(std::string("script -qec 'env ") + color + TWINPATH_PROGRAM " --socket " +
                                      server.socket() + " " + command + "' /dev/null",
                                  folder.file(""));
      CAPTURE(command);
      CHECK_FALSE(has(ran.out, "\033"));
      CHECK_FALSE(has(ran.err, "\033"));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a pipe that closes early ends the program quietly") {
  server.with([](FakeGateway& gateway) { gateway.add_pairs(50'000); });
  const Ran ran =
      run_program("{ " TWINPATH_PROGRAM " --socket " + server.socket() + " policies | head -n 1; }", folder.file(""));
  CHECK(lines(ran.out) == 1);
  CHECK(ran.err.empty());
}
