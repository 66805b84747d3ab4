// What a reload does to ports and zones, and the numbers they have in the tables.
#include <doctest/doctest.h>

#include <set>

#include "config/compile.hpp"
#include "config/document.hpp"
#include "control/life/start_only.hpp"
#include "control/ports/port_plan.hpp"
#include "netlink/offloads.hpp"

using namespace twinpath;
using nlohmann::json;

namespace {

// "name@device:zone" each.
Config config_of(const std::vector<std::string>& ports, const json& zones = json::object()) {
  json document = {{"ports", json::array()}, {"zones", zones}};
  for (const std::string& port : ports) {
    const auto at = port.find('@');
    const auto colon = port.find(':');
    document["ports"].push_back({{"name", port.substr(0, at)},
                                 {"device", port.substr(at + 1, colon - at - 1)},
                                 {"zone", port.substr(colon + 1)}});
  }
  auto config = parse_config(document.dump());
  REQUIRE_MESSAGE(config.has_value(), config.error().front().line());
  return *config;
}

NumberAllocation allocation_of(const Config& config, const NumberAllocation& before = {}) {
  auto image = compile(config, before);
  REQUIRE(image.has_value());
  return image->numbers;
}

PortPlan plan_of(const Config& running, const Config& next, const NumberAllocation& allocation) {
  auto plan = plan_ports(running, next, allocation);
  REQUIRE_MESSAGE(plan.has_value(), plan.error().text);
  return *plan;
}

Config two() { return config_of({"lan@lan0:inside", "wan@wan0:outside"}); }

}  // namespace

TEST_CASE("the order of the ports in the document changes nothing") {
  const Config turned = config_of({"wan@wan0:outside", "lan@lan0:inside"});
  const NumberAllocation allocation = allocation_of(two());
  const PortPlan plan = plan_of(two(), turned, allocation);
  CHECK(plan.empty());
  CHECK(plan.kept.size() == 2);
  CHECK_FALSE(plan.kept[0].moves);
  CHECK(plan.numbers.ports.all() == allocation.ports.all());
}

TEST_CASE("ports are added and removed by their device") {
  const Config next = config_of({"wan@wan0:outside", "dmz@dmz0:dmz"});
  const PortPlan plan = plan_of(two(), next, allocation_of(two()));
  CHECK(plan.added == std::vector<std::size_t>{1});
  CHECK(plan.removed == std::vector<std::size_t>{0});
  CHECK(plan.numbers.ports.find("wan") == 2);
  CHECK(plan.numbers.ports.find("dmz") == 3);
  CHECK(plan.numbers.ports.find("lan") == 1);  // it exists until the reload is complete
}

TEST_CASE("a port that is renamed keeps its number, also when two change names") {
  const NumberAllocation allocation = allocation_of(two());
  const PortPlan renamed = plan_of(two(), config_of({"office@lan0:inside", "wan@wan0:outside"}), allocation);
  CHECK(renamed.empty());
  CHECK(renamed.numbers.ports.find("office") == 1);
  CHECK(renamed.numbers.ports.find("lan") == 0);
  const PortPlan turned = plan_of(two(), config_of({"wan@lan0:inside", "lan@wan0:outside"}), allocation);
  CHECK(turned.empty());
  CHECK(turned.numbers.ports.find("wan") == 1);
  CHECK(turned.numbers.ports.find("lan") == 2);
}

TEST_CASE("a name that moves to another device gets another number, and counters that start at zero") {
  const NumberAllocation allocation = allocation_of(two());
  const Config next = config_of({"lan@lan1:inside", "wan@wan0:outside"});
  const PortPlan plan = plan_of(two(), next, allocation);
  CHECK(plan.added == std::vector<std::size_t>{0});
  CHECK(plan.removed == std::vector<std::size_t>{0});
  CHECK(plan.numbers.ports.find("lan") == 3);
  CHECK(plan.numbers.ports.find("lan@1") == 1);
  CHECK(fresh_ports(plan, next, allocation) == std::vector<std::uint16_t>{3});
}

TEST_CASE("a removed port that is added again under its name has its earlier number and counters") {
  const NumberAllocation allocation = allocation_of(two());
  const Config one = config_of({"lan@lan0:inside"});
  const PortPlan without = plan_of(two(), one, allocation);
  const PortPlan back = plan_of(one, two(), without.numbers);
  CHECK(back.numbers.ports.find("wan") == 2);
  CHECK(fresh_ports(back, two(), without.numbers).empty());
}

TEST_CASE(
    "an added port never reuses the number of a port that the same reload removes, and is refused when no number is "
    "left") {
  std::vector<std::string> names;
  for (int i = 0; i < 1400; ++i) names.push_back(fmt::format("p{}@p{}:z", i, i));
  const Config before = config_of(names);
  std::vector<std::string> more(names.begin(), names.begin() + 17);
  for (int i = 0; i < 647; ++i) more.push_back(fmt::format("n{}@n{}:z", i, i));
  const NumberAllocation allocation = allocation_of(before);
  const PortPlan plan = plan_of(before, config_of(more), allocation);
  std::set<std::uint32_t> of_removed_ports, of_removed_devices;
  for (const std::size_t index : plan.removed) {
    of_removed_ports.insert(allocation.ports.find(before.ports[index].name));
    of_removed_devices.insert(allocation.devices.find(before.ports[index].device));
  }
  for (int i = 0; i < 647; ++i) {
    CHECK_FALSE(of_removed_ports.contains(plan.numbers.ports.find(fmt::format("n{}", i))));
    CHECK_FALSE(of_removed_devices.contains(plan.numbers.devices.find(fmt::format("n{}", i))));
  }
  more.push_back("last@last:z");
  const auto refused = plan_ports(before, config_of(more), allocation);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().text ==
        "648 ports are added to 1400 that exist, and each needs a number until the reload is complete: at most 2047");
}

TEST_CASE("a port that changes zone is found, and so is a zone that gets the number of an earlier zone") {
  const Config moved = config_of({"lan@lan0:outside", "wan@wan0:outside"});
  CHECK(plan_of(two(), moved, allocation_of(two())).kept[0].moves);

  NumberAllocation allocation;
  json many;
  for (int i = 0; i < 30; ++i) many[fmt::format("z{:02}", i)] = json::object();
  allocation = allocation_of(config_of({"lan@lan0:z00"}, many), allocation);
  CHECK(find_reassigned_zones(allocation, allocation_of(config_of({"lan@lan0:z00"}), allocation)).empty());
  const NumberAllocation after = allocation_of(config_of({"lan@lan0:new"}), allocation);
  const auto reassigned = find_reassigned_zones(allocation, after);
  REQUIRE(reassigned.size() == 1);
  CHECK(reassigned[0] == after.zones.find("new"));
}

TEST_CASE("a change is refused only for settings that a port was opened with, by the name of the key") {
  Config next = two();
  next.ports[1].zone = "inside";
  next.ports[1].name = "uplink";
  next.ports[1].workload = true;
  next.ports[1].source_check = DP_SOURCE_CHECK_OFF;
  next.ports[1].sockets = Sockets::copy;  // the same as auto
  CHECK(start_only_changes(two(), next).empty());
  next.ports[1].attach = Attach::generic;
  next.ports[1].sockets = Sockets::zerocopy;
  next.ports[1].offloads = Offloads::keep;
  next.ports[1].queues = 2;
  std::vector<std::string> paths;
  for (const Fault& fault : start_only_changes(two(), next)) paths.push_back(fault.path);
  CHECK(paths ==
        std::vector<std::string>{"ports[1].attach", "ports[1].sockets", "ports[1].offloads", "ports[1].queues"});
  next.ports[1].device = "wan1";  // so it is another port
  CHECK(start_only_changes(two(), next).empty());
}

TEST_CASE("changes of ports and zones are named") {
  const Config before = config_of({"lan@lan0:inside", "wan@wan0:outside"}, {{"inside", {{"default", "drop"}}}});
  const Config next = config_of({"office@lan0:dmz", "new@new0:inside"}, {{"inside", {{"default", "allow"}}}});
  CHECK(port_changes(before, next) == json{{"added", {"new"}},
                                           {"removed", {"wan"}},
                                           {"changed", {"lan: name lan, now office", "lan: zone inside, now dmz"}}});
  CHECK(zone_changes(before, next) ==
        json{{"added", {"dmz"}}, {"removed", {"outside"}}, {"changed", {"inside: default drop, now allow"}}});
  CHECK(port_changes(before, before)["changed"].empty());
}

TEST_CASE("offloads of a removed port are restored, except on devices that are still ports") {
  std::vector<netlink::OffloadChange> changes = {
      {"a0", 5, 1, "rx-vlan-hw-parse", true, "a0"},
      {"b0", 6, 1, "tx-checksum-ip-generic", true, "a0"},  // the other end of a0, also a port
      {"c1", 7, 2, "rx-gro", false, "a0"},
      {"d0", 8, 1, "rx-lro", true, "d0"},
  };
  const auto taken = netlink::take_changes_for(changes, "a0", {{"b0", 6, 1}, {"d0", 8, 1}});
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].device == "a0");
  CHECK(taken[1].device == "c1");
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].done_for == "b0");
  CHECK(netlink::take_changes_for(changes, "b0", {{"d0", 8, 1}}).size() == 1);
}
