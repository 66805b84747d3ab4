#include <fmt/format.h>

#include "cli/format.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

void add_lines(const json& list, std::string_view before, std::string_view after, std::string& text) {
  if (!list.is_array()) return;
  for (const json& entry : list) text += fmt::format("{}{}{}\n", before, text_cell(entry), after);
}

// Rules that have changed, with old and new values; a rule whose own words are the same says only that it has.
void add_changed_rules(const json& names, const json& values, std::string& text) {
  if (!names.is_array()) return;
  for (const json& name : names) {
    const std::string before = text_cell(name) + ": ";
    std::string lines;
    for (const json& value : values.is_array() ? values : json::array())
      if (const std::string line = text_cell(value); line.starts_with(before)) lines += "rule " + line + "\n";
    text += lines.empty() ? "rule " + before + "changed\n" : lines;
  }
}

// `thing`: rule, port or zone.
void add_section(const json& section, std::string_view thing, std::string& text) {
  const std::string before = fmt::format("{} ", thing);
  add_lines(member(section, "added"), before, ": added", text);
  add_lines(member(section, "removed"), before, ": removed", text);
  if (thing == "rule") return add_changed_rules(member(section, "changed"), member(section, "values"), text);
  add_lines(member(section, "changed"), before, "", text);
}

}  // namespace

std::string render_changes(const json& changes) {
  if (changes.is_null()) return "";
  std::string text;
  add_lines(changes, "", "", text);
  add_section(member(changes, "ports"), "port", text);
  add_section(member(changes, "zones"), "zone", text);
  add_section(changes, "rule", text);
  add_lines(member(changes, "reordered"), "rules from ", ": in another order", text);
  add_lines(member(changes, "defaults"), "default from ", "", text);
  return text.empty() ? "no rule, port or zone would change\n" : text;
}

}  // namespace twinpath::cli
