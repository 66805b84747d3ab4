// route_fixture.hpp - routes for the datapaths' tables, written by hand: one table of each family in each bank, and rules that
// are asked before it.
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/prefix.hpp"
#include "common/model/fib.h"
#include "common/model/route.h"
#include "fib/arena.hpp"
#include "fib/tree.hpp"

namespace twinpath::test {

class RouteFixture {
 public:
  // The arrays are the caller's. Paths are written by the caller, too.
  RouteFixture(std::span<dp_route_rule> rules, std::span<dp_route> routes, std::span<dp_fib_line> lines)
      : rules_(rules),
        routes_(routes),
        words_(reinterpret_cast<std::uint32_t*>(lines.data()), lines.size() * DP_FIB_LINE_WORDS),
        arena_(DP_FIB_LINE_WORDS, static_cast<std::uint32_t>(words_.size())) {}

  // In force at once.
  void add(std::uint32_t bank, const std::string& base, std::uint8_t bits, dp_route route) {
    const Prefix prefix = make_prefix(parse_address(base), bits);
    route.prefix_bits = bits;
    if (next_ >= routes_.size()) throw std::runtime_error("more routes than the fixture holds");
    routes_[next_] = route;
    (void)tree_of(bank, prefix.base.family).put(prefix, static_cast<std::uint16_t>(next_++));
    commit(bank, prefix.base.family);
  }
  // Rules that are asked, in this order, before the one that asks the table for every packet. Those that ask a table ask
  // the same one.
  void ask_first(std::uint32_t bank, std::uint8_t family, std::vector<dp_route_rule> rules) {
    first_.at(rank(bank, family)) = std::move(rules);
    commit(bank, family);
  }
  void clear() {
    for (std::uint32_t bank = 0; bank < DP_BANKS; ++bank)
      for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
        tree_of(bank, family) = FibTree{};
        commit(bank, family);
      }
  }

 private:
  FibTree& tree_of(std::uint32_t bank, std::uint8_t family) { return trees_.at(rank(bank, family)); }
  static std::size_t rank(std::uint32_t bank, std::uint8_t family) {
    return bank * 2 + (family == DP_FAMILY_V6 ? 1 : 0);
  }
  void commit(std::uint32_t bank, std::uint8_t family) {
    auto done = tree_of(bank, family).commit(arena_, words_);
    if (!done) throw std::runtime_error(done.error().text);
    for (const Run& run : done->replaced) arena_.give_back(run);
    std::vector<dp_route_rule> rules = first_.at(rank(bank, family));
    rules.push_back({});
    rules.back().action = DP_ROUTE_ASK_TREE;
    for (dp_route_rule& rule : rules)
      if (rule.action == DP_ROUTE_ASK_TREE) rule.root = done->root;
    std::copy(rules.begin(), rules.end(), rules_.subspan(rank(bank, family) * DP_ROUTE_RULES_MAX).begin());
  }

  std::span<dp_route_rule> rules_;
  std::span<dp_route> routes_;
  std::span<std::uint32_t> words_;
  Arena arena_;
  std::array<FibTree, std::size_t{DP_BANKS} * 2> trees_;
  std::array<std::vector<dp_route_rule>, std::size_t{DP_BANKS} * 2> first_;
  std::size_t next_ = 1;
};

}  // namespace twinpath::test
