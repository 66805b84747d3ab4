#include "config/numbers.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "common/model/rule.h"

namespace twinpath {
namespace {

using nlohmann::json;

Status restore_all(const json& saved, const char* key, Numbers& numbers) {
  if (!saved.is_object() || !saved.contains(key) || !saved[key].is_object())
    return refuse("number allocation: {} is missing", key);
  for (const auto& [name, number] : saved[key].items()) {
    if (!number.is_number_unsigned()) return refuse("number allocation: {}.{} is no number", key, name);
    if (Status status = numbers.restore(name, number.get<std::uint64_t>()); !status)
      return pass_on(std::move(status.error()).in("number allocation"));
  }
  return {};
}

// Number → name.
std::map<std::uint32_t, std::string> owners(const Numbers& numbers) {
  std::map<std::uint32_t, std::string> by_number;
  for (const auto& [name, number] : numbers.all()) by_number[number] = name;
  return by_number;
}

}  // namespace

Status Numbers::assign(std::span<const std::string_view> names) {
  const std::size_t available = std::size_t{last_} - first_ + 1;
  if (names.size() > available) return refuse("{} names, at most {} can have a number", names.size(), available);
  std::vector<bool> taken(std::size_t{last_} + 1);
  for (const auto& [name, number] : numbers_) taken[number] = true;
  const std::set<std::string_view> wanted(names.begin(), names.end());
  std::uint32_t lowest = first_;
  auto unused = numbers_.begin();
  for (const std::string_view name : names) {
    if (numbers_.contains(name)) continue;
    while (lowest <= last_ && taken[lowest]) ++lowest;
    if (lowest <= last_) {
      numbers_.emplace(name, lowest++);
      continue;
    }
    // No number is free, and there are not more names than numbers: some name that has one is not wanted.
    while (wanted.contains(unused->first)) ++unused;
    const std::uint32_t number = unused->second;
    unused = numbers_.erase(unused);
    numbers_.emplace(name, number);
  }
  return {};
}

void Numbers::rename(const std::map<std::string, std::string>& new_names) {
  std::map<std::string, std::uint32_t, std::less<>> moved;
  for (const auto& [from, to] : new_names) {
    const auto entry = numbers_.find(from);
    if (entry == numbers_.end()) continue;
    moved.emplace(to, entry->second);
    numbers_.erase(entry);
  }
  for (const auto& [name, number] : moved) {
    if (const auto old = numbers_.find(name); old != numbers_.end()) {
      numbers_.emplace(retired_name(name), old->second);
      numbers_.erase(old);
    }
  }
  numbers_.merge(moved);
}

std::string Numbers::retired_name(const std::string& name) const { return fmt::format("{}@{}", name, find(name)); }

Status Numbers::restore(const std::string& name, std::uint64_t number) {
  if (number < first_ || number > last_) return refuse("{}: number {} is not {}..{}", name, number, first_, last_);
  for (const auto& [other, taken] : numbers_)
    if (taken == number) return refuse("{}: number {} belongs to {}", name, number, other);
  numbers_[name] = static_cast<std::uint32_t>(number);
  return {};
}

std::uint32_t Numbers::find(std::string_view name) const {
  const auto entry = numbers_.find(name);
  return entry == numbers_.end() ? 0 : entry->second;
}

NumberAllocation::NumberAllocation()
    : zones(DP_ZONE_HOST + 1, DP_ZONES_MAX - 1),
      ports(1, DP_PORTS_MAX - 1),
      devices(1, DP_DEVICES_MAX - 1),
      rules(1, DP_RULE_IDS_MAX - 1) {}

json to_json(const NumberAllocation& allocation) {
  return {{"zones", allocation.zones.all()},
          {"ports", allocation.ports.all()},
          {"devices", allocation.devices.all()},
          {"rules", allocation.rules.all()}};
}

Result<NumberAllocation> number_allocation_from_json(const json& saved) {
  NumberAllocation allocation;
  const std::pair<const char*, Numbers*> parts[] = {
      {"zones", &allocation.zones}, {"ports", &allocation.ports}, {"rules", &allocation.rules}};
  for (const auto& [key, numbers] : parts)
    if (Status status = restore_all(saved, key, *numbers); !status) return pass_on(std::move(status.error()));
  if (!saved.contains("devices")) return allocation;  // saved by a version whose devices had the numbers of their ports
  if (Status status = restore_all(saved, "devices", allocation.devices); !status)
    return pass_on(std::move(status.error()));
  return allocation;
}

std::vector<std::uint8_t> find_reassigned_zones(const NumberAllocation& before, const NumberAllocation& after) {
  std::vector<std::uint8_t> numbers;
  const auto old_owners = owners(before.zones);
  for (const auto& [name, number] : after.zones.all()) {
    const auto old = old_owners.find(number);
    if (old != old_owners.end() && old->second != name) numbers.push_back(static_cast<std::uint8_t>(number));
  }
  return numbers;
}

}  // namespace twinpath
