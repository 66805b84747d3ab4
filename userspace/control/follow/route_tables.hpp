// route_tables.hpp - makes the datapaths' routing tables from Linux's, and keeps them current change by change.
//
// Rules     (route_rules.hpp) name the table that is asked. With Linux's default rules IPv4's tables local and main are one
//           tree, as in Linux (net/ipv4/fib_trie.c, fib_unmerge): the longest prefix of both wins. With any other rule
//           each table has a tree of its own. IPv6's are always apart.
// Tables    only tables that some rule asks have a tree.
// Limits    what finds no room, and what cannot be followed, is in problems(); the tables stay true to the last commit.
// Thread    the control thread's. The datapaths read the memory meanwhile: what they can reach is not changed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/model/fib.h"
#include "control/follow/route_plan.hpp"
#include "control/follow/route_rules.hpp"
#include "fib/arena.hpp"
#include "fib/tree.hpp"
#include "netlink/mirror.hpp"

namespace twinpath {

// What a bank holds: the rules of each family, IPv4's first, without the end.
using RouteRules = std::array<std::vector<dp_route_rule>, 2>;

class RouteTables {
 public:
  struct Memory {
    std::span<std::uint32_t> fib;
    std::span<dp_route> routes;
    std::span<dp_path> paths;
  };

  explicit RouteTables(const Memory& memory);

  // Plans the routes of these lists anew, and those that found no room before.
  void update(const netlink::Mirror& mirror, const RouteContext& context, netlink::RouteStore::Keys keys);
  // Plans everything anew: rules, or the ports of devices, have changed.
  void rebuild(const netlink::Mirror& mirror, const RouteContext& context);
  // Writes what changed beside what is in force. The caller publishes the rules, waits until nobody reads older ones, and
  // calls recycle().
  [[nodiscard]] Result<RouteRules> commit();
  void recycle();

  // Some routes found no room for all they need: update() plans them again.
  [[nodiscard]] bool incomplete() const { return !incomplete_.empty(); }
  // Next hops that some route leads to.
  [[nodiscard]] std::set<std::uint16_t> next_hops() const;
  // What of Linux's routing is not followed, and why: a line each.
  [[nodiscard]] std::vector<std::string> problems() const;
  [[nodiscard]] std::size_t size() const;                            // prefixes
  [[nodiscard]] std::size_t words() const { return arena_.used(); }  // of the trees
  [[nodiscard]] std::size_t words_max() const { return arena_.size(); }

 private:
  struct TreeKey {
    std::uint32_t table = 0;  // main, too, of the tree that local and main share
    std::uint8_t family = 0;
    auto operator<=>(const TreeKey&) const = default;
  };

  void draft(const netlink::Mirror& mirror, const RouteContext& context);
  [[nodiscard]] TreeKey tree_of(std::uint8_t family, std::uint32_t table) const;
  [[nodiscard]] std::optional<netlink::Route> best_of(const netlink::Mirror& mirror,
                                                      const netlink::RouteStore::Key& key) const;
  void plan(const netlink::Mirror& mirror, const RouteContext& context, const netlink::RouteStore::Key& key);

  std::span<std::uint32_t> words_;
  Arena arena_;
  RouteSet routes_;
  std::array<RouteRuleDrafts, 2> drafts_;
  std::map<TreeKey, FibTree> trees_;
  std::map<TreeKey, std::uint32_t> roots_;
  std::vector<std::pair<TreeKey, FibTree>> dropped_;  // trees that no rule asks any more
  std::vector<Run> replaced_;                         // what older roots lead to
  netlink::RouteStore::Keys incomplete_;              // lists that found no room for all they need
  std::string refusal_;                               // why
  std::set<netlink::RouteStore::Key> not_followed_;   // routes bound to a source
};

}  // namespace twinpath
