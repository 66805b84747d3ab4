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

// `thing`: rule, port or zone.
void add_section(const json& section, std::string_view thing, std::string& text) {
  const std::string before = fmt::format("{} ", thing);
  add_lines(member(section, "added"), before, ": added", text);
  add_lines(member(section, "removed"), before, ": removed", text);
  add_lines(member(section, "changed"), before, thing == "rule" ? ": changed" : "", text);
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
