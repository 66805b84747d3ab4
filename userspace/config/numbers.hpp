// numbers.hpp - the numbers that zones, ports, devices and rules have in the tables, and their names. They stay together across
// reloads.
//
// Why      Flow entries hold numbers of zones and rules, next hops those of ports and devices, counters are indexed by numbers
//          of ports and rules. If a reload gave the number of one rule to another, packets of live flows would be counted under
//          the wrong name.
// Rule     A name keeps its number while it is configured, and afterwards until the number is needed for another name.
// Owner    control hands the numbers of one compilation to the next, and saves them in the journal, so that a daemon that
//          adopts a forwarding datapath knows what the numbers in its tables mean.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace twinpath {

// The numbers of one kind of thing.
class Numbers {
 public:
  // Numbers first..last can be assigned. 0 is none.
  Numbers(std::uint32_t first, std::uint32_t last) : first_(first), last_(last) {}

  // Gives every name a number: the one it has, else the lowest that no name has, else that of a name that is not in
  // `names`. Refuses when there are more names than numbers.
  [[nodiscard]] Status assign(std::span<const std::string_view> names);
  // Passes numbers from old names to new ones, {old, new}, all at once, so that two names may be exchanged. If a new name
  // had another number already, that number stays assigned, under retired_name(), until it is needed.
  void rename(const std::map<std::string, std::string>& new_names);
  // Assigns a saved number to its name. Refuses a number that is out of range or another name's.
  [[nodiscard]] Status restore(const std::string& name, std::uint64_t number);

  // "NAME@NUMBER", which no document can contain: holds the number of `name` while the name gets another one.
  [[nodiscard]] std::string retired_name(const std::string& name) const;
  // 0: the name has no number.
  [[nodiscard]] std::uint32_t find(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, std::uint32_t, std::less<>>& all() const { return numbers_; }

 private:
  std::uint32_t first_;
  std::uint32_t last_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
};

struct NumberAllocation {
  NumberAllocation();

  Numbers zones;    // from 2; the host zone has DP_ZONE_HOST and is not in here
  Numbers ports;    // from 1
  Numbers devices;  // from 1; Linux's names
  Numbers rules;    // from 1
};

// Numbers of zones that `before` had assigned to another zone: flows of that zone may still be in the flow table.
[[nodiscard]] std::vector<std::uint8_t> find_reassigned_zones(const NumberAllocation& before,
                                                              const NumberAllocation& after);

[[nodiscard]] nlohmann::json to_json(const NumberAllocation& allocation);
[[nodiscard]] Result<NumberAllocation> number_allocation_from_json(const nlohmann::json& saved);

}  // namespace twinpath
