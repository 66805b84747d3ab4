#include "config/diff.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "config/choices.hpp"
#include "config/document.hpp"

namespace twinpath {
namespace {

using Names = std::vector<std::string>;
// Zone pair → what is asked, by name; numbers of two images need not be the same.
template <class T>
using ByPair = std::map<std::string, T>;

template <class Visit>
void each_pair(const TableImage& image, Visit visit) {
  for (std::uint32_t index = 0; index < image.zone_pairs.size(); ++index) {
    const std::string& from = image.zone_names[index / DP_ZONES_MAX];
    const std::string& to = image.zone_names[index % DP_ZONES_MAX];
    if (from.empty() || to.empty()) continue;
    const dp_zone_pair& pair = image.zone_pairs[index];
    visit(fmt::format("{} to {}", from, to), pair, std::span(image.rules).subspan(pair.first, pair.count));
  }
}

// Everything a rule means: for each pair its compiled rules, as bytes.
std::map<std::string, std::string> meanings(const TableImage& image) {
  std::map<std::string, std::string> meaning;
  for (const std::string& name : image.rule_names)
    if (!name.empty()) meaning[name];
  each_pair(image, [&](const std::string& pair, const dp_zone_pair&, std::span<const dp_rule> run) {
    std::uint32_t last = 0;
    for (dp_rule rule : run) {
      std::string& text = meaning[image.rule_names[rule.id]];
      if (rule.id != last) text += pair;
      last = rule.id;
      rule.id = 0;
      text.append(reinterpret_cast<const char*>(&rule), sizeof(rule));
    }
  });
  return meaning;
}

// Rules of each pair in order, one mention each, of those that are in `kept`.
ByPair<Names> orders(const TableImage& image, const std::map<std::string, std::string>& kept) {
  ByPair<Names> order;
  each_pair(image, [&](const std::string& pair, const dp_zone_pair&, std::span<const dp_rule> run) {
    Names& names = order[pair];
    for (const dp_rule& rule : run) {
      const std::string& name = image.rule_names[rule.id];
      if (kept.contains(name) && (names.empty() || names.back() != name)) names.push_back(name);
    }
  });
  return order;
}

// Of each list, what the other has too.
void keep_common(Names& a, Names& b) {
  const std::set<std::string> in_a(a.begin(), a.end());
  const std::set<std::string> in_b(b.begin(), b.end());
  std::erase_if(a, [&](const std::string& name) { return !in_b.contains(name); });
  std::erase_if(b, [&](const std::string& name) { return !in_a.contains(name); });
}

ByPair<dp_action> defaults(const TableImage& image) {
  ByPair<dp_action> actions;
  each_pair(image, [&](const std::string& pair, const dp_zone_pair& entry, std::span<const dp_rule>) {
    actions[pair] = static_cast<dp_action>(entry.default_action);
  });
  return actions;
}

std::string_view action_word(const ByPair<dp_action>& actions, const std::string& pair) {
  const auto entry = actions.find(pair);
  return entry == actions.end() ? "no such pair" : word_of(kActions, entry->second);
}

// A word without its quotes; an empty list is no condition.
std::string value_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_array() && value.empty() ? "any" : value.dump();
}

}  // namespace

PolicyDiff diff(const TableImage& before, const TableImage& after) {
  PolicyDiff result;
  const auto old_meaning = meanings(before);
  const auto new_meaning = meanings(after);
  for (const auto& [name, meaning] : new_meaning) {
    const auto old = old_meaning.find(name);
    if (old == old_meaning.end())
      result.added.push_back(name);
    else if (old->second != meaning)
      result.changed.push_back(name);
  }
  for (const auto& [name, meaning] : old_meaning)
    if (!new_meaning.contains(name)) result.removed.push_back(name);

  auto old_orders = orders(before, new_meaning);
  auto new_orders = orders(after, old_meaning);
  for (auto& [pair, names] : new_orders) {
    keep_common(names, old_orders[pair]);
    if (names != old_orders[pair]) result.reordered.push_back(pair);
  }

  const auto old_defaults = defaults(before);
  const auto new_defaults = defaults(after);
  ByPair<dp_action> all = old_defaults;
  all.insert(new_defaults.begin(), new_defaults.end());
  for (const auto& [pair, action] : all) {
    const std::string_view was = action_word(old_defaults, pair);
    const std::string_view is = action_word(new_defaults, pair);
    if (was != is) result.defaults.push_back(fmt::format("{}: {}, now {}", pair, was, is));
  }
  return result;
}

std::vector<std::string> rule_changes(const Config& before, const Config& after) {
  const nlohmann::json old_document = to_json(before);
  const nlohmann::json new_document = to_json(after);
  std::map<std::string, nlohmann::json> former;
  for (const nlohmann::json& rule : old_document.at("rules")) former[rule["name"]] = rule;
  std::vector<std::string> lines;
  for (const nlohmann::json& rule : new_document.at("rules")) {
    const auto known = former.find(rule["name"]);
    if (known == former.end()) continue;
    for (const auto& [key, value] : rule.items())
      if (const nlohmann::json& was = known->second[key]; was != value)
        lines.push_back(fmt::format("{}: {} {}, now {}", known->first, key, value_text(was), value_text(value)));
  }
  return lines;
}

}  // namespace twinpath
