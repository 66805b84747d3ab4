#include "fib/tree.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "common/model/fib.h"

namespace twinpath {
namespace {

constexpr unsigned kStepBits = DP_FIB_STEP_BITS;
constexpr std::uint32_t kValues = DP_FIB_VALUES;

std::uint16_t value_of(const Prefix& prefix, unsigned step) {
  const std::uint32_t word = ntohl(prefix.base.address.word[step / 2]);
  return static_cast<std::uint16_t>(step % 2 == 0 ? word >> 16 : word);
}

// The step in which a prefix ends; the default route ends in the first.
unsigned last_step(const Prefix& prefix) { return prefix.bits == 0 ? 0 : (prefix.bits - 1u) / kStepBits; }

std::uint8_t bits_in_last_step(const Prefix& prefix) {
  return static_cast<std::uint8_t>(prefix.bits - last_step(prefix) * kStepBits);
}

template <class Entries, class Key>
auto position(Entries& entries, const Key& key) {
  return std::lower_bound(entries.begin(), entries.end(), key, [](const auto& a, const auto& b) {
    return a.base != b.base ? a.base < b.base : a.bits < b.bits;
  });
}

}  // namespace

std::uint16_t FibTree::put(const Prefix& prefix, std::uint16_t route) {
  Node* node = &root_;
  const unsigned last = last_step(prefix);
  for (unsigned step = 0; step < last; ++step) {
    node->changed = true;
    auto& child = node->children[value_of(prefix, step)];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
  }
  node->changed = true;
  const Entry entry{value_of(prefix, last), bits_in_last_step(prefix), route};
  const auto at = position(node->entries, entry);
  if (at != node->entries.end() && at->base == entry.base && at->bits == entry.bits) {
    return std::exchange(at->route, route);
  }
  node->entries.insert(at, entry);
  ++prefixes_;
  return 0;
}

std::uint16_t FibTree::erase(const Prefix& prefix) {
  const std::uint16_t erased = erase_below(root_, prefix, 0);
  if (erased != 0) --prefixes_;
  return erased;
}

std::uint16_t FibTree::erase_below(Node& node, const Prefix& prefix, unsigned step) {
  const std::uint16_t value = value_of(prefix, step);
  if (step == last_step(prefix)) {
    const Entry entry{value, bits_in_last_step(prefix), 0};
    const auto at = position(node.entries, entry);
    if (at == node.entries.end() || at->base != entry.base || at->bits != entry.bits) return 0;
    const std::uint16_t route = at->route;
    node.entries.erase(at);
    node.changed = true;
    return route;
  }
  const auto child = node.children.find(value);
  if (child == node.children.end()) return 0;
  const std::uint16_t route = erase_below(*child->second, prefix, step + 1);
  if (route == 0) return 0;
  if (child->second->empty()) {
    if (child->second->written.count != 0) pruned_.push_back(child->second->written);
    node.children.erase(child);
  }
  node.changed = true;
  return route;
}

std::vector<std::pair<Prefix, std::uint16_t>> FibTree::all(std::uint8_t family) const {
  std::vector<std::pair<Prefix, std::uint16_t>> out;
  out.reserve(prefixes_);
  Prefix above;
  above.base.family = family;
  list(root_, above, 0, out);
  return out;
}

void FibTree::list(const Node& node, Prefix above, unsigned step, std::vector<std::pair<Prefix, std::uint16_t>>& out) {
  std::uint32_t& word = above.base.address.word[step / 2];
  const std::uint32_t before = ntohl(word);
  const auto with = [&](std::uint16_t value) {
    return htonl(before | (step % 2 == 0 ? std::uint32_t{value} << 16 : value));
  };
  for (const Entry& entry : node.entries) {
    word = with(entry.base);
    above.bits = static_cast<std::uint8_t>(step * kStepBits + entry.bits);
    out.emplace_back(above, entry.route);
  }
  for (const auto& [value, child] : node.children) {
    word = with(value);
    list(*child, above, step + 1, out);
  }
}

// Sweeps over the entries, which are nested or apart: `open` are those around the present value, the innermost last.
std::vector<FibTree::Range> FibTree::ranges_of(const Node& node) {
  struct Open {
    std::uint32_t end;
    std::uint16_t route;
  };
  std::vector<Range> out;
  std::vector<Open> open{{kValues, 0}};
  std::uint32_t at = 0;
  const auto cover_to = [&](std::uint32_t end) {
    if (at < end && (out.empty() || out.back().route != open.back().route)) out.push_back({at, open.back().route, 0});
    at = std::max(at, end);
  };
  for (const Entry& entry : node.entries) {
    for (; open.back().end <= entry.base; open.pop_back()) cover_to(open.back().end);
    cover_to(entry.base);
    open.push_back({entry.base + (kValues >> entry.bits), entry.route});
  }
  for (; !open.empty(); open.pop_back()) cover_to(open.back().end);
  return out;
}

namespace {

// Splits the ranges at each child's value, which gets a range of its own.
template <class Ranges, class Children>
Ranges with_children(const Ranges& ranges, const Children& children) {
  Ranges out;
  auto child = children.begin();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const std::uint32_t end = i + 1 < ranges.size() ? ranges[i + 1].first : kValues;
    auto rest = ranges[i];
    for (; child != children.end() && child->first < end; ++child) {
      if (rest.first < child->first) out.push_back(rest);
      out.push_back({child->first, rest.route, child->second->written.first});
      rest.first = child->first + 1u;
    }
    if (rest.first < end) out.push_back(rest);
  }
  return out;
}

// One range for each value.
template <class Ranges>
Ranges spread(const Ranges& ranges) {
  Ranges out;
  out.reserve(kValues);
  for (const auto& range : ranges) {
    while (!out.empty() && out.size() < range.first) {
      out.push_back(out.back());
      out.back().first = static_cast<std::uint32_t>(out.size()) - 1;
    }
    out.push_back(range);
  }
  while (out.size() < kValues) {
    out.push_back(out.back());
    out.back().first = static_cast<std::uint32_t>(out.size()) - 1;
  }
  return out;
}

}  // namespace

Status FibTree::write(Node& node, Target& target) {
  if (!node.changed) return {};
  for (auto& [value, child] : node.children)
    if (Status below = write(*child, target); !below) return below;
  std::vector<Range> ranges = with_children(ranges_of(node), node.children);
  if (ranges.size() > DP_FIB_SEARCHED_MAX) ranges = spread(ranges);
  const auto count = static_cast<std::uint32_t>(ranges.size());
  const bool children = !node.children.empty();
  auto run = target.arena.take(1 + count * (children ? 2 : 1));
  if (!run) return pass_on(std::move(run.error()));
  target.done.push_back({&node, node.written});
  node.written = *run;
  const std::span<std::uint32_t> words = target.words.subspan(run->first, run->count);
  words[0] = count | (children ? static_cast<std::uint32_t>(DP_FIB_CHILDREN) : 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    words[1 + i] = ranges[i].first << 16 | ranges[i].route;
    if (children) words[1 + count + i] = ranges[i].child;
  }
  return {};
}

void FibTree::mark_written(Node& node) {
  if (!node.changed) return;
  node.changed = false;
  for (auto& [value, child] : node.children) mark_written(*child);
}

Result<FibTree::Commit> FibTree::commit(Arena& arena, std::span<std::uint32_t> words) {
  Target target{arena, words, {}};
  if (root_.empty()) {
    if (root_.written.count != 0) pruned_.push_back(root_.written);
    root_.written = {};
  } else if (Status written = write(root_, target); !written) {
    for (const Written& step : target.done) {
      arena.give_back(step.node->written);
      step.node->written = step.before;
    }
    return pass_on(std::move(written.error()));
  }
  mark_written(root_);
  Commit commit{root_.written.first, std::move(pruned_)};
  pruned_.clear();
  for (const Written& step : target.done)
    if (step.before.count != 0) commit.replaced.push_back(step.before);
  return commit;
}

}  // namespace twinpath
