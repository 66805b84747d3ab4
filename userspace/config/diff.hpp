// diff.hpp - what a reload would change in the rules: for `reload --dry-run`. Rules are compared by name and by what
// they were compiled to, so the same rule in other words is no change.
#pragma once

#include <string>
#include <vector>

#include "config/compile.hpp"
#include "config/config.hpp"

namespace twinpath {

// Sorted by name.
struct PolicyDiff {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;
  std::vector<std::string> reordered;  // zone pairs "inside to outside" where rules that stayed changed places
  std::vector<std::string> defaults;   // "inside to outside: drop, now allow"

  [[nodiscard]] bool empty() const {
    return added.empty() && removed.empty() && changed.empty() && reordered.empty() && defaults.empty();
  }
};

[[nodiscard]] PolicyDiff diff(const TableImage& before, const TableImage& after);

// What the documents say of rules of the same name: "web: action allow, now drop", a line for each member that differs.
[[nodiscard]] std::vector<std::string> rule_changes(const Config& before, const Config& after);

}  // namespace twinpath
