#include "control/follow/route_tables.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <set>

namespace twinpath {
namespace {

using netlink::Mirror;
using netlink::Prefix;
using netlink::Route;
using Key = netlink::RouteStore::Key;
using Keys = netlink::RouteStore::Keys;

constexpr std::array<std::uint8_t, 2> kFamilies{DP_FAMILY_V4, DP_FAMILY_V6};

std::size_t rank_of(std::uint8_t family) { return family == DP_FAMILY_V4 ? 0 : 1; }

// fe80::1 may be the host's address on every device.
bool on_several_devices(const Mirror& mirror, const Key& key) {
  const auto list = mirror.route_lists().find(key);
  if (list == mirror.route_lists().end()) return false;
  std::set<std::uint32_t> devices;
  for (const Route& route : list->second)
    for (const netlink::Path& path : route.paths) devices.insert(path.ifindex);
  return devices.size() > 1;
}

}  // namespace

RouteTables::RouteTables(const Memory& memory)
    : words_(memory.fib),
      arena_(DP_FIB_LINE_WORDS, static_cast<std::uint32_t>(memory.fib.size())),
      routes_(memory.routes, memory.paths) {}

RouteTables::TreeKey RouteTables::tree_of(std::uint8_t family, std::uint32_t table) const {
  const bool merged = family == DP_FAMILY_V4 && drafts_[0].default_rules;
  return {merged && table == RT_TABLE_LOCAL ? std::uint32_t{RT_TABLE_MAIN} : table, family};
}

void RouteTables::draft(const Mirror& mirror, const RouteContext& context) {
  for (const std::uint8_t family : kFamilies) drafts_[rank_of(family)] = draft_rules(family, mirror, context);
  std::map<TreeKey, FibTree> trees;
  for (const std::uint8_t family : kFamilies)
    for (const RouteRuleDraft& rule : drafts_[rank_of(family)].rules)
      if (rule.rule.action == DP_ROUTE_ASK_TREE) trees.try_emplace(tree_of(family, rule.table));
  // A tree that stays is filled anew in place: what is as before costs nothing at commit.
  for (auto& [key, tree] : trees_) {
    if (const auto stays = trees.find(key); stays != trees.end())
      stays->second = std::move(tree);
    else
      dropped_.emplace_back(key, std::move(tree));
  }
  trees_ = std::move(trees);
}

void RouteTables::rebuild(const Mirror& mirror, const RouteContext& context) {
  draft(mirror, context);
  incomplete_.clear();
  not_followed_.clear();
  // Prefixes that Linux does not have any more, or not in this tree.
  for (auto& [tree_key, tree] : trees_) {
    for (const auto& [prefix, route] : tree.all(tree_key.family))
      if (!best_of(mirror, {tree_key.table, prefix, make_prefix(prefix.base, 0)})) routes_.drop(tree.erase(prefix));
  }
  for (const auto& [key, list] : mirror.route_lists()) plan(mirror, context, key);
}

void RouteTables::update(const Mirror& mirror, const RouteContext& context, Keys keys) {
  keys.merge(incomplete_);
  incomplete_.clear();
  for (const Key& key : keys) plan(mirror, context, key);
}

// With local and main in one tree, a prefix that is in both is local's.
std::optional<Route> RouteTables::best_of(const Mirror& mirror, const Key& key) const {
  if (tree_of(key.prefix.base.family, RT_TABLE_LOCAL).table == key.table && key.table == RT_TABLE_MAIN) {
    Key local = key;
    local.table = RT_TABLE_LOCAL;
    if (auto found = mirror.best_route(local)) return found;
  }
  return mirror.best_route(key);
}

void RouteTables::plan(const Mirror& mirror, const RouteContext& context, const Key& key) {
  const TreeKey tree_key = tree_of(key.prefix.base.family, key.table);
  const auto tree = trees_.find(tree_key);
  if (tree == trees_.end()) return;
  if (key.from.bits != 0) {
    if (mirror.best_route(key))
      not_followed_.insert(key);
    else
      not_followed_.erase(key);
    return;
  }
  Key asked = key;
  asked.table = tree_key.table;
  const std::optional<Route> best = best_of(mirror, asked);
  auto plan = best ? plan_route(*best, context) : std::nullopt;
  if (plan && plan->value.route.kind == DP_ROUTE_LOCAL && on_several_devices(mirror, key)) plan->value.route.port = 0;
  if (!plan) {
    if (const std::uint16_t gone = tree->second.erase(key.prefix); gone != 0) routes_.drop(gone);
    return;
  }
  if (!plan->complete) incomplete_.insert(key);
  const auto number = routes_.hold(plan->value);
  if (!number) {
    incomplete_.insert(key);
    refusal_ = number.error().text;
    return;
  }
  if (const std::uint16_t before = tree->second.put(key.prefix, *number); before != 0) routes_.drop(before);
}

Result<RouteRules> RouteTables::commit() {
  for (auto& [key, tree] : trees_) {
    auto done = tree.commit(arena_, words_);
    if (!done) {
      refusal_ = done.error().text;
      return pass_on(std::move(done.error()).in("routing tables"));
    }
    roots_[key] = done->root;
    replaced_.insert(replaced_.end(), done->replaced.begin(), done->replaced.end());
  }
  for (auto& [key, tree] : dropped_) {
    for (const auto& [prefix, route] : tree.all(key.family)) routes_.drop(tree.erase(prefix));
    auto emptied = tree.commit(arena_, words_);  // writes nothing: cannot fail
    if (emptied) replaced_.insert(replaced_.end(), emptied->replaced.begin(), emptied->replaced.end());
    roots_.erase(key);
  }
  dropped_.clear();
  RouteRules rules;
  for (const std::uint8_t family : kFamilies) {
    for (const RouteRuleDraft& draft : drafts_[rank_of(family)].rules) {
      dp_route_rule rule = draft.rule;
      if (rule.action == DP_ROUTE_ASK_TREE) rule.root = roots_[tree_of(family, draft.table)];
      rules[rank_of(family)].push_back(rule);
    }
  }
  return rules;
}

void RouteTables::recycle() {
  for (const Run& run : std::exchange(replaced_, {})) arena_.give_back(run);
  routes_.recycle();
}

std::set<std::uint16_t> RouteTables::next_hops() const {
  std::set<std::uint16_t> found;
  routes_.for_each_path([&](const dp_path& path) {
    if (path.next_hop != 0) found.insert(path.next_hop);
  });
  return found;
}

std::vector<std::string> RouteTables::problems() const {
  std::vector<std::string> lines;
  for (const RouteRuleDrafts& drafts : drafts_)
    lines.insert(lines.end(), drafts.problems.begin(), drafts.problems.end());
  if (!incomplete_.empty())
    lines.push_back(fmt::format("{} routes are not or not wholly in force, the first {} in table {}: {}",
                                incomplete_.size(), incomplete_.begin()->prefix.text(), incomplete_.begin()->table,
                                refusal_.empty() ? "no next hop left, or more than 64 paths" : refusal_));
  if (!not_followed_.empty())
    lines.push_back(fmt::format("{} routes bound to a source are not followed, the first {} from {}",
                                not_followed_.size(), not_followed_.begin()->prefix.text(),
                                not_followed_.begin()->from.text()));
  return lines;
}

std::size_t RouteTables::size() const {
  std::size_t prefixes = 0;
  for (const auto& [key, tree] : trees_) prefixes += tree.size();
  return prefixes;
}

}  // namespace twinpath
