// Routes in the tree of userspace/fib, found by the datapaths' verb, against a list searched from end to end.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "common/decide/fib.h"
#include "engine/env.hpp"
#include "fib/arena.hpp"
#include "fib/tree.hpp"

namespace twinpath {
namespace {

struct Lab {
  explicit Lab(std::size_t words) : memory(words), arena(DP_FIB_LINE_WORDS, static_cast<std::uint32_t>(words)) {
    env.fib = memory;
  }

  // Commits, and gives back at once what the old root led to: nobody reads meanwhile.
  void commit() {
    auto done = tree.commit(arena, memory);
    REQUIRE_MESSAGE(done, done.error().text);
    for (const Run& run : done->replaced) arena.give_back(run);
    root = done->root;
  }
  [[nodiscard]] std::uint32_t find(const IpAddress& address) {
    return dp_fib_find(&env, root, address.family, &address.address);
  }

  std::vector<std::uint32_t> memory;
  Arena arena;
  FibTree tree;
  dp_env env;
  std::uint32_t root = 0;
};

Prefix prefix(std::string_view text) {
  auto parsed = parse_prefix(text);
  REQUIRE(parsed);
  return *parsed;
}

IpAddress address(std::string_view text) {
  const IpAddress parsed = parse_address(text);
  REQUIRE(parsed.family != DP_FAMILY_NONE);
  return parsed;
}

// The naive twin: every prefix is asked.
class List {
 public:
  void put(const Prefix& p, std::uint16_t route) { routes_[p] = route; }
  std::uint16_t erase(const Prefix& p) {
    const std::uint16_t route = routes_.at(p);
    routes_.erase(p);
    return route;
  }
  [[nodiscard]] std::uint32_t find(const IpAddress& a) const {
    int longest = -1;
    std::uint32_t found = 0;
    for (const auto& [p, route] : routes_) {
      if (p.base.family != a.family || !p.contains(a) || p.bits <= longest) continue;
      longest = p.bits;
      found = route;
    }
    return found;
  }
  [[nodiscard]] const std::map<Prefix, std::uint16_t>& all() const { return routes_; }

 private:
  std::map<Prefix, std::uint16_t> routes_;
};

// Addresses that meet often: few values in each byte, so that prefixes nest and share steps.
IpAddress crowded_address(std::uint8_t family, std::mt19937& random) {
  IpAddress out;
  out.family = family;
  auto* bytes = reinterpret_cast<std::uint8_t*>(&out.address);
  const std::uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
  for (std::size_t i = 0; i < (family == DP_FAMILY_V4 ? 4u : 16u); ++i) bytes[i] = values[random() % 5];
  return out;
}

// The first and the last address of a prefix, and those just outside.
std::vector<IpAddress> borders(const Prefix& p) {
  std::vector<IpAddress> out{p.base};
  IpAddress last = p.base;
  const dp_address mask = p.mask();
  for (int i = 0; i < (p.base.family == DP_FAMILY_V4 ? 1 : 4); ++i) last.address.word[i] |= ~mask.word[i];
  out.push_back(last);
  auto step = [](IpAddress a, int by) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(&a.address);
    for (int i = (a.family == DP_FAMILY_V4 ? 4 : 16) - 1; i >= 0; --i) {
      bytes[i] = static_cast<std::uint8_t>(bytes[i] + by);
      if (bytes[i] != (by > 0 ? 0 : 0xff)) break;
    }
    return a;
  };
  out.push_back(step(p.base, -1));
  out.push_back(step(last, 1));
  return out;
}

TEST_CASE("an empty table has no route, a default route takes everything") {
  Lab lab(4096);
  CHECK(lab.find(address("192.0.2.1")) == 0);
  lab.tree.put(prefix("0.0.0.0/0"), 7);
  lab.commit();
  CHECK(lab.find(address("192.0.2.1")) == 7);
  CHECK(lab.find(address("255.255.255.255")) == 7);
  CHECK(lab.tree.erase(prefix("0.0.0.0/0")) == 7);
  CHECK(lab.tree.erase(prefix("0.0.0.0/0")) == 0);
  lab.commit();
  CHECK(lab.root == 0);
  CHECK(lab.arena.used() == 0);
}

TEST_CASE("the longest prefix wins at every length, around the steps of 16 bits too") {
  for (const char* text : {"10.255.127.1", "2001:db8:ff:8000:1:7fff:0:1"}) {
    CAPTURE(text);
    Lab lab(1 << 16);
    const IpAddress inside = address(text);
    const int longest = inside.family == DP_FAMILY_V4 ? 32 : 128;
    for (int bits = 0; bits <= longest; ++bits)
      lab.tree.put(make_prefix(inside, static_cast<std::uint8_t>(bits)), static_cast<std::uint16_t>(bits + 1));
    lab.commit();
    for (int bits = longest; bits >= 0; --bits) {
      CAPTURE(bits);
      CHECK(lab.find(inside) == static_cast<std::uint32_t>(bits + 1));
      REQUIRE(0 != lab.tree.erase(make_prefix(inside, static_cast<std::uint8_t>(bits))));
      lab.commit();
    }
    CHECK(lab.find(inside) == 0);
    CHECK(lab.arena.used() == 0);
  }
}

TEST_CASE("random changes: every address has the route that a search of all prefixes finds") {
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    CAPTURE(family);
    std::mt19937 random(family);
    Lab lab(1 << 20);
    List twin;
    const int longest = family == DP_FAMILY_V4 ? 32 : 128;
    for (int round = 0; round < 200; ++round) {
      for (int change = 0; change < 10; ++change) {
        const Prefix p =
            make_prefix(crowded_address(family, random), static_cast<std::uint8_t>(random() % (longest + 1)));
        if (random() % 3 == 0 && !twin.all().empty()) {
          auto gone = twin.all().lower_bound(p);
          if (gone == twin.all().end()) gone = twin.all().begin();
          const Prefix victim = gone->first;
          REQUIRE(lab.tree.erase(victim) == twin.erase(victim));
        } else {
          const auto route = static_cast<std::uint16_t>(1 + random() % 65535);
          lab.tree.put(p, route);
          twin.put(p, route);
        }
      }
      lab.commit();
      REQUIRE(lab.tree.size() == twin.all().size());
      const auto all = lab.tree.all(family);
      REQUIRE(std::map<Prefix, std::uint16_t>(all.begin(), all.end()) == twin.all());
      for (int asked = 0; asked < 100; ++asked) {
        const IpAddress a = crowded_address(family, random);
        REQUIRE_MESSAGE(lab.find(a) == twin.find(a), to_string(a));
      }
      if (round % 20 != 0) continue;
      for (const auto& [p, route] : twin.all())
        for (const IpAddress& a : borders(p)) REQUIRE_MESSAGE(lab.find(a) == twin.find(a), to_string(a));
    }
    while (!twin.all().empty()) {
      const Prefix p = twin.all().begin()->first;
      REQUIRE(lab.tree.erase(p) == twin.erase(p));
    }
    lab.commit();
    CHECK(lab.arena.used() == 0);
  }
}

TEST_CASE("a node of many ranges has one for each value") {
  Lab lab(1 << 20);
  // Every second /16: 65,536 ranges in the root. Every second of those with a longer prefix inside.
  for (std::uint32_t value = 0; value < 65536; value += 2) {
    IpAddress base = address("0.0.0.0");
    base.address.word[0] = htonl(value << 16);
    lab.tree.put(make_prefix(base, 16), static_cast<std::uint16_t>(1 + value % 1000));
    if (value % 4 == 0) lab.tree.put(make_prefix(base, 24), 2000);
  }
  lab.commit();
  for (std::uint32_t value = 0; value < 65536; ++value) {
    IpAddress a = address("0.0.0.9");
    a.address.word[0] = htonl(value << 16 | 9);
    const std::uint32_t outside = value % 2 == 0 ? 1 + value % 1000 : 0;
    REQUIRE(lab.find(a) == (value % 4 == 0 ? 2000 : outside));
    a.address.word[0] = htonl(value << 16 | 0x0109);
    REQUIRE(lab.find(a) == outside);
  }
}

TEST_CASE("a commit without room changes nothing, and the next one with room carries it out") {
  Lab lab(16 + 64);
  lab.tree.put(prefix("10.0.0.0/8"), 1);
  lab.commit();
  const std::size_t before = lab.arena.used();
  for (int i = 0; i < 30; ++i) {
    IpAddress base = address("10.0.0.0");
    base.address.word[0] |= htonl(static_cast<std::uint32_t>(i) << 17);
    lab.tree.put(make_prefix(base, 24), 2);
  }
  const auto refused = lab.tree.commit(lab.arena, lab.memory);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ENOSPC);
  CHECK(lab.arena.used() == before);
  CHECK(lab.find(address("10.0.0.1")) == 1);
  for (int i = 1; i < 30; ++i) {
    IpAddress base = address("10.0.0.0");
    base.address.word[0] |= htonl(static_cast<std::uint32_t>(i) << 17);
    REQUIRE(0 != lab.tree.erase(make_prefix(base, 24)));
  }
  lab.commit();
  CHECK(lab.find(address("10.0.0.1")) == 2);
  CHECK(lab.find(address("10.2.0.1")) == 1);
}

TEST_CASE("an arena gives each word to one owner, and joins what comes back") {
  std::vector<std::uint32_t> memory(4096);
  Arena arena(16, 4096);
  std::mt19937 random(3);
  std::vector<Run> taken;
  std::vector<bool> owned(memory.size());
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      auto run = arena.take(1 + static_cast<std::uint32_t>(random() % 60));
      if (!run) continue;
      for (std::uint32_t word = run->first; word < run->first + run->count; ++word) {
        REQUIRE(word >= 16);
        REQUIRE_FALSE(owned[word]);
        owned[word] = true;
      }
      taken.push_back(*run);
    } else if (!taken.empty()) {
      const std::size_t which = random() % taken.size();
      const Run run = taken[which];
      for (std::uint32_t word = run.first; word < run.first + run.count; ++word) owned[word] = false;
      arena.give_back(run);
      taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const Run& run : taken) arena.give_back(run);
  CHECK(arena.used() == 0);
  CHECK(arena.take(4096 - 16));
}

}  // namespace
}  // namespace twinpath
