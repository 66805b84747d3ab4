// tree.hpp - one routing table's prefixes of one family, and the nodes in which the datapaths find them (model/fib.h).
//
// Use       put() and erase() as Linux's table changes, then commit(): it writes the nodes that changed and those above
//           them, and answers the new root. The caller publishes the root, waits until nobody reads the old one, and
//           gives `replaced` back to the arena.
// Cost      put, erase: a search, and a move of the prefixes of one node. commit: the changed nodes, whatever the
//           table's size; for IPv4 at most the root (512 KiB with 65,536 children) and one node for each changed /16.
// Errors    commit() without room in the arena changes nothing: the published root stays true to what was committed
//           before, and the next commit() tries again.
// Thread    one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/prefix.hpp"
#include "base/result.hpp"
#include "fib/arena.hpp"

namespace twinpath {

class FibTree {
 public:
  struct Commit {
    std::uint32_t root = 0;     // 0: the table is empty
    std::vector<Run> replaced;  // runs that only the old root leads to
  };

  // The route of a prefix, 1..65535. Answers the one that it replaces, 0: none.
  std::uint16_t put(const Prefix& prefix, std::uint16_t route);
  // Answers the route that the prefix had, 0: none.
  std::uint16_t erase(const Prefix& prefix);
  // Every prefix with its route; the tree itself does not know its family.
  [[nodiscard]] std::vector<std::pair<Prefix, std::uint16_t>> all(std::uint8_t family) const;
  // `arena` hands out the numbers of `words`, from 1 on.
  [[nodiscard]] Result<Commit> commit(Arena& arena, std::span<std::uint32_t> words);

  [[nodiscard]] std::size_t size() const { return prefixes_; }

 private:
  // A prefix that ends in this node's 16 bits.
  struct Entry {
    std::uint16_t base = 0;
    std::uint8_t bits = 0;  // 0..16, of this node's
    std::uint16_t route = 0;
  };
  struct Node {
    std::vector<Entry> entries;  // by base, then the shorter first: what covers comes before what is covered
    std::map<std::uint16_t, std::unique_ptr<Node>> children;
    Run written;          // in the arena; none: not written yet
    bool changed = true;  // since it was written, or a node below it

    [[nodiscard]] bool empty() const { return entries.empty() && children.empty(); }
  };
  struct Range {
    std::uint32_t first = 0;
    std::uint16_t route = 0;
    std::uint32_t child = 0;
  };
  // A node that commit() has written, and where it was before: taken back when the arena has no room for the next one.
  struct Written {
    Node* node;
    Run before;
  };
  struct Target {
    Arena& arena;
    std::span<std::uint32_t> words;
    std::vector<Written> done;
  };

  static void list(const Node& node, Prefix above, unsigned step, std::vector<std::pair<Prefix, std::uint16_t>>& out);
  std::uint16_t erase_below(Node& node, const Prefix& prefix, unsigned step);
  [[nodiscard]] Status write(Node& node, Target& target);
  [[nodiscard]] static std::vector<Range> ranges_of(const Node& node);
  static void mark_written(Node& node);

  Node root_;
  std::vector<Run> pruned_;  // of nodes that are gone since the last commit
  std::size_t prefixes_ = 0;
};

}  // namespace twinpath
