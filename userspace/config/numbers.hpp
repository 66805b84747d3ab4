// numbers.hpp - which number a name has in the tables, the same across reloads.
//
// Flow entries hold zone numbers and rule ids, counters are indexed by rule id and port number. So a name keeps its
// number as long as the allocation remembers it: while it is in use, and after that until somebody else needs the number.
// Owner    control plane; hands the allocation of one compilation to the next. Saved beside the pins, so that a restarted
//          daemon that adopts them still knows the numbers.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace twinpath {

class Numbers {
 public:
  // Numbers first..last can be given. 0 is never a number.
  Numbers(std::uint16_t first, std::uint16_t last) : first_(first), last_(last) {}

  // Gives every name a number: the one it had, else the lowest nobody had yet, else one of a name that is not in
  // `names`. Refuses when there are more names than numbers.
  [[nodiscard]] Status assign(std::span<const std::string_view> names);
  // Hands the numbers of some names over to others, all at once, so that two names may change places. A number that a new
  // name had from earlier is nobody's then, but not free either: it stays in the allocation under "NAME@NUMBER", which no
  // document can say.
  void rename(const std::map<std::string, std::string>& new_names);
  // Binds a name of a saved allocation. Refuses a number that is out of range or taken.
  [[nodiscard]] Status restore(const std::string& name, std::uint64_t number);

  // A name for the number of `name` that no document can say: for a number that goes on while the name gets another one.
  [[nodiscard]] std::string put_aside(const std::string& name) const;
  // 0: not in the allocation.
  [[nodiscard]] std::uint16_t find(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, std::uint16_t, std::less<>>& all() const { return numbers_; }

 private:
  [[nodiscard]] std::uint16_t free_number() const;
  [[nodiscard]] std::uint16_t take_over(std::span<const std::string_view> names);

  std::uint16_t first_;
  std::uint16_t last_;
  std::map<std::string, std::uint16_t, std::less<>> numbers_;
};

struct NumberAllocation {
  NumberAllocation();

  Numbers zones;  // from 2; "host" is DP_ZONE_HOST and not in the allocation
  Numbers ports;  // from 1
  Numbers rules;  // from 1
};

[[nodiscard]] nlohmann::json to_json(const NumberAllocation& allocation);
[[nodiscard]] Result<NumberAllocation> number_allocation_from_json(const nlohmann::json& saved);

}  // namespace twinpath
