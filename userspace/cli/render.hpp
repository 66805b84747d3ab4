// render.hpp - the daemon's answers as tables for people.
//
// Fields that are missing show as "-", lists that are empty say so.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/format.hpp"
#include "cli/table.hpp"

namespace twinpath::cli {

// Each takes the whole answer of the route of its name.
[[nodiscard]] std::string render_status(const json& answer);  // and whether the daemon is of another version
[[nodiscard]] std::string render_ports(const json& answer);
[[nodiscard]] std::string render_zones(const json& answer);
[[nodiscard]] std::string render_rules(const json& answer);

// Only reasons that have counted something are shown, the most packets first.
[[nodiscard]] std::string render_drops(const json& answer);
[[nodiscard]] std::string render_steered(const json& answer);
// The same answer with what was counted since an earlier one; reasons that counted nothing are left out.
[[nodiscard]] json counted_since(const json& answer, const json& before);

// What a dry run would change, a line each.
[[nodiscard]] std::string render_changes(const json& changes);

// Policy pairs in a table for each family, IPv4 first, as the daemon lists them. Pairs are added and taken page by page.
class PolicyTables {
 public:
  // `width_max`: of a line; 0: any.
  explicit PolicyTables(std::size_t width_max);

  void add(const json& pair);
  // Pairs added since the last page.
  [[nodiscard]] std::size_t rows() const { return v4_.rows() + v6_.rows(); }
  [[nodiscard]] bool empty() const { return rows() == 0 && !v4_.begun() && !v6_.begun(); }
  [[nodiscard]] std::string take();
  // The last page; says so when there never was a pair.
  [[nodiscard]] std::string take_last() { return empty() ? v4_.take_page() : take(); }

 private:
  Table v4_;
  Table v6_;
};

}  // namespace twinpath::cli
