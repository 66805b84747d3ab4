#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "config/compile.hpp"
#include "config/diff.hpp"
#include "config/document.hpp"

using namespace twinpath;

namespace {

const std::string kPorts = R"("ports": [{"name": "lan", "device": "lan0", "zone": "inside"},
                                         {"name": "wan", "device": "wan0", "zone": "outside"}])";

Config config_of(const std::string& members) {
  auto config = parse_config("{" + kPorts + (members.empty() ? "" : ", ") + members + "}");
  REQUIRE_MESSAGE(config.has_value(), config.error().front().line());
  return *config;
}

TableImage image_of(const std::string& members, const NumberAllocation& previous = {}) {
  auto image = compile(config_of(members), previous);
  REQUIRE_MESSAGE(image.has_value(), image.error().text);
  return *image;
}

dp_zone_pair pair_of(const TableImage& image, std::string_view from, std::string_view to) {
  return image.zone_pairs.at(zone_pair_index(image.zone(from), image.zone(to)));
}

std::vector<std::string> names_of(const TableImage& image, std::string_view from, std::string_view to) {
  const dp_zone_pair pair = pair_of(image, from, to);
  std::vector<std::string> names;
  for (unsigned i = 0; i < pair.count; ++i) names.push_back(image.rule_names.at(image.rules.at(pair.first + i).id));
  return names;
}

std::string numbered(const char* format, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + fmt::format(fmt::runtime(format), i);
  return text;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the default of a zone pair is the origin's, the host's towards the host, allow from the host") {
  const TableImage image = image_of(
      R"("zones": {"inside": {"default": "reject"}, "outside": {"default": "allow"}, "host": {"default": "drop"}})");
  CHECK(pair_of(image, "inside", "outside").default_action == DP_ACTION_REJECT);
  CHECK(pair_of(image, "outside", "inside").default_action == DP_ACTION_ALLOW);
  CHECK(pair_of(image, "inside", "inside").default_action == DP_ACTION_REJECT);
  CHECK(pair_of(image, "outside", "host").default_action == DP_ACTION_DROP);
  CHECK(pair_of(image, "host", "outside").default_action == DP_ACTION_ALLOW);
}

TEST_CASE("pairs of zones that do not exist drop and have no rules") {
  const TableImage image = image_of(R"("rules": [{"from": "any", "to": "any", "action": "allow"}])");
  REQUIRE(image.zone_pairs.size() == DP_ZONES_MAX * DP_ZONES_MAX);
  for (std::uint8_t other : {0, 4, 31}) {
    CHECK(image.zone_pairs[zone_pair_index(other, image.zone("inside"))].default_action == DP_ACTION_DROP);
    CHECK(image.zone_pairs[zone_pair_index(image.zone("inside"), other)].count == 0);
  }
}

TEST_CASE("numbers start behind the reserved ones and follow the document") {
  const TableImage image = image_of(R"("rules": [{"name": "a", "from": "any", "to": "any", "action": "drop"}])");
  CHECK(image.zone("host") == DP_ZONE_HOST);
  CHECK(image.zone("inside") == 2);
  CHECK(image.zone("outside") == 3);
  CHECK(image.port("lan") == 1);
  CHECK(image.port("wan") == 2);
  CHECK(image.rule("a") == 1);
  CHECK(image.zone("nowhere") == 0);
  CHECK(image.port("") == 0);
}

TEST_CASE("names keep their numbers across reloads, even after a time of absence") {
  const TableImage first =
      image_of(R"("zones": {"alpha": {}}, "rules": [{"name": "a", "from": "any", "to": "any", "action": "drop"},
                                                                            {"name": "b", "from": "any", "to": "any", "action": "drop"}])");
  const TableImage second = image_of(R"("rules": [{"name": "c", "from": "any", "to": "any", "action": "drop"},
                            {"name": "b", "from": "any", "to": "any", "action": "drop"}])",
                                     first.numbers);
  const TableImage third =
      image_of(R"("rules": [{"name": "a", "from": "any", "to": "any", "action": "drop"}])", second.numbers);
  CHECK(second.zone("inside") == first.zone("inside"));
  CHECK(second.zone("alpha") == 0);
  CHECK(second.rule("b") == first.rule("b"));
  CHECK(second.rule("c") == 3);
  CHECK(third.rule("a") == first.rule("a"));
  CHECK(first.fresh_rules == std::vector<std::uint32_t>{1, 2});
  CHECK(second.fresh_rules == std::vector<std::uint32_t>{3});
  CHECK(third.fresh_rules.empty());
}

TEST_CASE("a number of a name that is gone is given away only when no other is left") {
  Numbers numbers(1, 3);
  const std::string_view abc[] = {"a", "b", "c"};
  const std::string_view bcd[] = {"b", "c", "d"};
  const std::string_view four[] = {"a", "b", "c", "d"};
  REQUIRE(numbers.assign(abc).has_value());
  REQUIRE(numbers.assign(bcd).has_value());
  CHECK(numbers.find("d") == 1);
  CHECK(numbers.find("a") == 0);
  CHECK(numbers.find("b") == 2);
  CHECK(numbers.assign(four).error().text == "4 names, at most 3 can have a number");
}

TEST_CASE("numbers are assigned to many names, also when all of them have to be taken from others") {
  constexpr std::uint32_t count = 70'000;  // more than 16 bits
  std::vector<std::string> first;
  std::vector<std::string> second;
  for (std::uint32_t i = 0; i < count; ++i) {
    first.push_back(fmt::format("a{}", i));
    second.push_back(fmt::format("b{}", i));
  }
  Numbers numbers(1, count);
  for (const auto& list : {first, second}) {
    const std::vector<std::string_view> names(list.begin(), list.end());
    REQUIRE(numbers.assign(names).has_value());
    std::set<std::uint32_t> given;
    for (const std::string_view name : names) given.insert(numbers.find(name));
    CHECK(given.size() == count);
    CHECK(*given.begin() == 1);
    CHECK(*given.rbegin() == count);
    CHECK(numbers.all().size() == count);
  }
}

TEST_CASE("a name keeps its number even when a lower one is free") {
  Numbers numbers(1, 9);
  REQUIRE(numbers.restore("old", 5).has_value());
  const std::string_view names[] = {"old", "new"};
  REQUIRE(numbers.assign(names).has_value());
  CHECK(numbers.find("old") == 5);
  CHECK(numbers.find("new") == 1);
}

TEST_CASE("a number allocation survives a restart of the daemon") {
  const TableImage image = image_of(R"("rules": [{"name": "a", "from": "any", "to": "any", "action": "drop"}])");
  const auto allocation = number_allocation_from_json(to_json(image.numbers));
  REQUIRE(allocation.has_value());
  CHECK(to_json(*allocation) == to_json(image.numbers));
}

TEST_CASE("an allocation of a version whose devices had no numbers of their own is taken, without them") {
  const auto allocation =
      number_allocation_from_json(nlohmann::json::parse(R"({"zones": {}, "ports": {"a": 3}, "rules": {}})"));
  REQUIRE(allocation.has_value());
  CHECK(allocation->ports.find("a") == 3);
  CHECK(allocation->devices.all().empty());
}

TEST_CASE("1,024 ports compile, each with a number and a device of its own") {
  std::string ports;
  for (int i = 0; i < 1024; ++i)
    ports += fmt::format(R"({}{{"name": "p{}", "device": "d{}", "zone": "z{}"}})", i == 0 ? "" : ",", i, i, i % 8);
  const auto config = parse_config("{\"ports\": [" + ports + "]}");
  REQUIRE_MESSAGE(config.has_value(), config.error().front().line());
  const auto image = compile(*config, {});
  REQUIRE_MESSAGE(image.has_value(), image.error().text);
  std::set<std::uint16_t> numbers, devices;
  for (const PortConfig& port : config->ports) {
    numbers.insert(image->port(port.name));
    devices.insert(image->device(port.device));
  }
  CHECK(numbers.size() == 1024);
  CHECK(devices.size() == 1024);
  CHECK((*numbers.begin() > 0 && *numbers.rbegin() < DP_PORTS_MAX));
  CHECK((*devices.begin() > 0 && *devices.rbegin() < DP_DEVICES_MAX));
}

TEST_CASE("a damaged number allocation is refused") {
  const struct {
    const char* saved;
    const char* want;
  } cases[] = {
      {"[]", "number allocation: zones is missing"},
      {R"({"zones": {}, "ports": {}})", "number allocation: rules is missing"},
      {R"({"zones": {"a": "2"}, "ports": {}, "rules": {}})", "number allocation: zones.a is no number"},
      {R"({"zones": {"a": 1}, "ports": {}, "rules": {}})", "number allocation: a: number 1 is not 2..31"},
      {R"({"zones": {}, "ports": {"a": 2048}, "rules": {}})", "number allocation: a: number 2048 is not 1..2047"},
      {R"({"zones": {}, "ports": {}, "rules": {"a": 1, "b": 1}})", "number allocation: b: number 1 belongs to a"},
      {R"({"zones": {}, "ports": {}, "rules": {}, "devices": 1})", "number allocation: devices is missing"},
  };
  for (const auto& c : cases) {
    const auto allocation = number_allocation_from_json(nlohmann::json::parse(c.saved));
    REQUIRE(!allocation.has_value());
    CHECK(allocation.error().text == std::string(c.want));
  }
}

TEST_CASE("rules of a pair keep the operator's order, and other pairs do not see them") {
  const TableImage image = image_of(R"("rules": [
    {"name": "z", "from": "inside", "to": "outside", "action": "drop"},
    {"name": "y", "from": ["outside", "inside"], "to": "inside", "action": "drop"},
    {"name": "x", "from": "any", "to": "outside", "action": "drop"},
    {"name": "w", "from": "inside", "to": "any", "action": "drop"}])");
  CHECK(names_of(image, "inside", "outside") == Names{"z", "x", "w"});
  CHECK(names_of(image, "inside", "inside") == Names{"y", "w"});
  CHECK(names_of(image, "outside", "inside") == Names{"y"});
  CHECK(names_of(image, "outside", "outside") == Names{"x"});
  CHECK(names_of(image, "inside", "host") == Names{"w"});
  CHECK(names_of(image, "outside", "host").empty());
  CHECK(names_of(image, "host", "outside").empty());
}

TEST_CASE("a rule becomes the cross product of its lists, without mixing address families") {
  const TableImage image =
      image_of(R"("rules": [{"from": "inside", "to": "outside", "protocol": "tcp", "action": "allow",
    "source": ["10.0.0.0/8", "2001:db8::/32"], "destination": ["0.0.0.0/0", "192.0.2.1", "2001:db8:1::/48"],
    "destination_port": [80, "8000-8080"]}])");
  CHECK(image.rules.size() == 6);
  for (const dp_rule& rule : image.rules) {
    CHECK(rule.family != DP_FAMILY_NONE);
    CHECK((rule.family == DP_FAMILY_V6) == (rule.source.word[0] == dp_htonl(0x20010db8)));
  }
}

TEST_CASE("a compiled rule carries what the operator wrote") {
  const TableImage image =
      image_of(R"("rules": [{"name": "r", "from": "inside", "to": "outside", "protocol": "udp", "action": "reject",
    "source": "10.1.0.0/16", "source_port": "1024-65535", "destination_port": 53, "place": "user", "log": true}])");
  REQUIRE(image.rules.size() == 1);
  dp_rule want{};
  want.source.word[0] = dp_htonl(0x0a010000);
  want.source_mask.word[0] = dp_htonl(0xffff0000);
  want.source_port_low = 1024;
  want.source_port_high = 65535;
  want.destination_port_low = want.destination_port_high = 53;
  want.protocol = 17;
  want.id = 1;
  want.family = DP_FAMILY_V4;
  want.icmp_type_high = 255;
  want.action = DP_ACTION_REJECT;
  want.place = DP_PLACE_USER;
  want.flags = DP_RULE_LOG;
  CHECK(std::memcmp(&image.rules[0], &want, sizeof(want)) == 0);
}

TEST_CASE("icmp is IPv4 and icmpv6 is IPv6, by word and by number") {
  const TableImage image = image_of(R"("rules": [
    {"from": "inside", "to": "outside", "protocol": "icmp", "icmp_type": [8, "13-14"], "action": "allow"},
    {"from": "inside", "to": "outside", "protocol": 58, "action": "allow"}])");
  REQUIRE(image.rules.size() == 3);
  CHECK(image.rules[0].family == DP_FAMILY_V4);
  CHECK(image.rules[0].icmp_type_high == 8);
  CHECK(image.rules[1].icmp_type_low == 13);
  CHECK(image.rules[2].family == DP_FAMILY_V6);
  CHECK(image.rules[2].icmp_type_high == 255);
}

TEST_CASE("towards the host no rule asks for the engine") {
  const TableImage image =
      image_of(R"("rules": [{"from": "inside", "to": "any", "action": "allow", "place": "user"}])");
  CHECK(image.rules.at(pair_of(image, "inside", "outside").first).place == DP_PLACE_USER);
  CHECK(image.rules.at(pair_of(image, "inside", "host").first).place == DP_PLACE_AUTO);
}

TEST_CASE("pairs of zones with the same rules share them, so that `any` does not fill the table") {
  const std::string zones = "\"zones\": {" + numbered("\"z{}\": {{}}", 28) + "}";
  const TableImage image =
      image_of(zones + R"(, "rules": [{"from": "any", "to": "any", "protocol": "tcp", "destination_port": [)" +
               numbered("{}", 6).substr(3) + R"(], "action": "allow"}])");
  CHECK(image.rules.size() == 5);
  CHECK(pair_of(image, "z3", "z27").count == 5);
}

TEST_CASE("a rule that does not fit is named with the numbers") {
  const std::string wide = "\"source\": [" + numbered("\"10.0.{}.0/24\"", 100) + "], \"destination\": [" +
                           numbered("\"10.1.{}.0/24\"", 21) + "]";
  const auto image = compile(config_of(R"("rules": [{"from": "inside", "to": "outside", "action": "allow"},
                                                    {"name": "wide", "from": "inside", "to": "outside", "action": "allow", )" +
                                       wide + "}]"),
                             {});
  REQUIRE(!image.has_value());
  CHECK(image.error().line() ==
        "rules[1]: \"wide\" does not fit: it is 2100 compiled rules from inside to outside, and all rules of all zone "
        "pairs together may be 2048");
}

TEST_CASE("a rule that fits alone but not beside the others is named") {
  const std::string half = "\"source\": [" + numbered("\"10.0.{}.0/24\"", 250) + "], \"destination\": [" +
                           numbered("\"10.1.{}.0/24\"", 5) + "]}";
  const auto image =
      compile(config_of(R"("rules": [{"name": "one", "from": "inside", "to": "outside", "action": "allow", )" + half +
                        R"(, {"name": "two", "from": "outside", "to": "inside", "action": "allow", )" + half + "]"),
              {});
  REQUIRE(!image.has_value());
  CHECK(image.error().line().starts_with(
      "rules[1]: \"two\" does not fit: it is 1250 compiled rules from outside to inside"));
}

TEST_CASE("lists whose product is beyond any number are refused without being multiplied out") {
  std::string rule = R"({"from": "inside", "to": "outside", "protocol": "tcp", "action": "allow", "source": [)";
  rule += numbered("\"10.0.{}.0/24\"", 256) + "], \"destination\": [" + numbered("\"10.1.{}.0/24\"", 256) + "]";
  for (const char* key : {"source_port", "destination_port"})
    rule += fmt::format(", \"{}\": [{}]", key, numbered("1{:04}", 5000));
  CHECK(!compile(config_of("\"rules\": [" + rule + "}]"), {}).has_value());
}

TEST_CASE("exactly as many rules as there is room for are compiled") {
  const std::string full = "\"source\": [" + numbered("\"10.0.{}.0/24\"", 256) + "], \"destination\": [" +
                           numbered("\"10.1.{}.0/24\"", 8) + "]";
  const TableImage image =
      image_of(R"("rules": [{"from": "inside", "to": "outside", "action": "allow", )" + full + "}]");
  CHECK(image.rules.size() == DP_RULES_MAX);
  CHECK(pair_of(image, "inside", "outside").count == DP_RULES_MAX);
}

TEST_CASE("timeouts become ticks and stay below half of 32 bits") {
  TimeoutsConfig timeouts;
  timeouts.tcp_established_s = kTimeoutMax;
  const dp_timeouts ticks = ticks_of(timeouts, 1000);
  CHECK(ticks.tcp_syn == 240000);
  CHECK(ticks.other == 600000);
  CHECK(ticks.tcp_established < 0x80000000u);
}

TEST_CASE("a reload that changes nothing has an empty diff") {
  const TableImage before = image_of(R"("rules": [{"name": "a", "from": "any", "to": "host", "action": "drop"}])");
  const TableImage after = image_of(
      R"("rules": [{"name": "a", "from": ["inside", "outside"], "to": "host", "source": [], "action": "drop"}])",
      before.numbers);
  CHECK(diff(before, after).empty());
}

TEST_CASE("a diff names what was added, removed, changed, moved, and the defaults") {
  const TableImage before = image_of(R"("rules": [
    {"name": "gone", "from": "inside", "to": "outside", "action": "drop"},
    {"name": "one", "from": "inside", "to": "outside", "protocol": "tcp", "action": "drop"},
    {"name": "two", "from": "inside", "to": "outside", "protocol": "udp", "action": "drop"},
    {"name": "log", "from": "outside", "to": "inside", "action": "drop"}])");
  const TableImage after = image_of(R"("zones": {"outside": {"default": "reject"}}, "rules": [
    {"name": "two", "from": "inside", "to": "outside", "protocol": "udp", "action": "drop"},
    {"name": "new", "from": "inside", "to": "outside", "action": "drop"},
    {"name": "one", "from": "inside", "to": "outside", "protocol": "tcp", "action": "drop"},
    {"name": "log", "from": "outside", "to": "inside", "action": "drop", "log": true}])");
  const PolicyDiff changes = diff(before, after);
  CHECK(changes.added == Names{"new"});
  CHECK(changes.removed == Names{"gone"});
  CHECK(changes.changed == Names{"log"});
  CHECK(changes.reordered == Names{"inside to outside"});
  CHECK(changes.defaults == Names{"outside to inside: drop, now reject", "outside to outside: drop, now reject"});
}

TEST_CASE("a rule that moves to another zone pair has changed") {
  const TableImage before =
      image_of(R"("rules": [{"name": "a", "from": "inside", "to": "outside", "action": "drop"}])");
  const TableImage after = image_of(R"("rules": [{"name": "a", "from": "outside", "to": "inside", "action": "drop"}])");
  const PolicyDiff changes = diff(before, after);
  CHECK(changes.changed == Names{"a"});
  CHECK(changes.added.empty());
  CHECK(changes.reordered.empty());
}

TEST_CASE("of a rule that changes, the members that differ are named with both values") {
  const Config before = config_of(R"("rules": [{"name": "web", "from": "inside", "to": "outside", "action": "allow"},
                                  {"name": "same", "from": "inside", "to": "outside", "action": "drop"}])");
  const Config after = config_of(R"("rules": [{"name": "web", "from": "inside", "to": "outside", "action": "reject"},
                                 {"name": "same", "from": "inside", "to": "outside", "action": "drop"}])");
  CHECK(rule_changes(before, after) == std::vector<std::string>{"web: action allow, now reject"});
  CHECK(rule_changes(before, before).empty());
}
