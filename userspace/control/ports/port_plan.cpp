#include "control/ports/port_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "config/choices.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

template <class Thing>
const Thing* find_named(const std::vector<Thing>& things, const std::string Thing::*field, const std::string& value) {
  const auto found = std::ranges::find(things, value, field);
  return found == things.end() ? nullptr : &*found;
}

void match(const Config& running, const Config& next, PortPlan& plan) {
  for (std::size_t i = 0; i < next.ports.size(); ++i) {
    const PortConfig& port = next.ports[i];
    const PortConfig* before = find_named(running.ports, &PortConfig::device, port.device);
    if (before == nullptr)
      plan.added.push_back(i);
    else
      plan.kept.push_back({static_cast<std::size_t>(before - running.ports.data()), i, before->zone != port.zone});
  }
  for (std::size_t i = 0; i < running.ports.size(); ++i)
    if (find_named(next.ports, &PortConfig::device, running.ports[i].device) == nullptr) plan.removed.push_back(i);
}

std::string_view action_word(dp_action action) { return word_of(kActions, action); }

json lists(const json& added, const json& removed, const json& changed) {
  return {{"added", added}, {"removed", removed}, {"changed", changed}};
}

// The differences of a kept port, each as "zone inside, now dmz".
std::vector<std::string> differences(const PortConfig& before, const PortConfig& after) {
  std::vector<std::string> out;
  const auto compare = [&](const char* key, const auto& was, const auto& is) {
    if (was != is) out.push_back(fmt::format("{} {}, now {}", key, was, is));
  };
  compare("name", before.name, after.name);
  compare("zone", before.zone, after.zone);
  compare("source_check", word_of(kSourceChecks, before.source_check), word_of(kSourceChecks, after.source_check));
  compare("workload", before.workload, after.workload);
  compare("ra", word_of(kRouterAdvertisements, before.ra), word_of(kRouterAdvertisements, after.ra));
  if (before.macs != after.macs) out.emplace_back("other macs");
  if (before.pass_ethertypes != after.pass_ethertypes) out.emplace_back("other pass_ethertypes");
  return out;
}

}  // namespace

Result<PortPlan> plan_ports(const Config& running, const Config& next, const NumberAllocation& allocation) {
  PortPlan plan;
  plan.numbers = allocation;
  match(running, next, plan);
  std::map<std::string, std::string> new_names;
  std::vector<std::string> wanted;
  for (const PortPlan::Kept& kept : plan.kept)
    if (running.ports[kept.before].name != next.ports[kept.after].name)
      new_names[running.ports[kept.before].name] = next.ports[kept.after].name;
  for (const std::size_t index : plan.removed) {
    const std::string& name = running.ports[index].name;
    const bool name_goes_on = find_named(next.ports, &PortConfig::name, name) != nullptr;
    wanted.push_back(name_goes_on ? allocation.ports.retired_name(name) : name);
    if (name_goes_on) new_names[name] = wanted.back();
  }
  plan.numbers.ports.rename(new_names);
  for (const PortConfig& port : next.ports) wanted.push_back(port.name);
  const std::vector<std::string_view> names(wanted.begin(), wanted.end());
  if (auto assigned = plan.numbers.ports.assign(names); !assigned)
    return refuse(
        "{} ports are added to {} that exist, and each needs a number until the reload is complete: at most {}",
        plan.added.size(), running.ports.size(), kPortsMax);
  std::vector<std::string_view> devices;
  for (const PortConfig& port : running.ports) devices.push_back(port.device);
  for (const std::size_t index : plan.added) devices.push_back(next.ports[index].device);
  if (auto assigned = plan.numbers.devices.assign(devices); !assigned) return pass_on(std::move(assigned.error()));
  return plan;
}

std::vector<std::uint16_t> fresh_ports(const PortPlan& plan, const Config& next, const NumberAllocation& before) {
  std::vector<std::uint16_t> numbers;
  for (const std::size_t index : plan.added) {
    const std::string& name = next.ports[index].name;
    const std::uint32_t number = plan.numbers.ports.find(name);
    if (before.ports.find(name) != number) numbers.push_back(static_cast<std::uint16_t>(number));
  }
  return numbers;
}

json port_changes(const Config& running, const Config& next) {
  json added = json::array();
  json removed = json::array();
  json changed = json::array();
  PortPlan plan;
  match(running, next, plan);
  for (const std::size_t index : plan.added) added.push_back(next.ports[index].name);
  for (const std::size_t index : plan.removed) removed.push_back(running.ports[index].name);
  for (const PortPlan::Kept& kept : plan.kept) {
    const PortConfig& before = running.ports[kept.before];
    for (const std::string& difference : differences(before, next.ports[kept.after]))
      changed.push_back(fmt::format("{}: {}", before.name, difference));
  }
  return lists(added, removed, changed);
}

json zone_changes(const Config& running, const Config& next) {
  json added = json::array();
  json removed = json::array();
  json changed = json::array();
  for (const ZoneConfig& zone : next.zones) {
    const ZoneConfig* before = find_named(running.zones, &ZoneConfig::name, zone.name);
    if (before == nullptr)
      added.push_back(zone.name);
    else if (before->default_action != zone.default_action)
      changed.push_back(fmt::format("{}: default {}, now {}", zone.name, action_word(before->default_action),
                                    action_word(zone.default_action)));
  }
  for (const ZoneConfig& zone : running.zones)
    if (find_named(next.zones, &ZoneConfig::name, zone.name) == nullptr) removed.push_back(zone.name);
  return lists(added, removed, changed);
}

}  // namespace twinpath
