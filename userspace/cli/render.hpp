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
[[nodiscard]] std::string render_status(const json& answer);
[[nodiscard]] std::string render_ports(const json& answer);
[[nodiscard]] std::string render_zones(const json& answer);
[[nodiscard]] std::string render_rules(const json& answer);

// `before`: an earlier answer to count from, or null. Only reasons that have counted something are shown.
[[nodiscard]] std::string render_drops(const json& answer, const json& before);
[[nodiscard]] std::string render_steered(const json& answer, const json& before);

// What a dry run would change, a line each.
[[nodiscard]] std::string render_changes(const json& changes);

// Pairs are added page by page.
[[nodiscard]] Table policy_table();
void add_policy(Table& table, const json& pair);

}  // namespace twinpath::cli
