// next_hop_table_test.cpp - next-hop indices are assigned, kept, retired and reused, also when the daemon dies in
// between.

#include "control/follow/next_hop_table.hpp"

#include "common/target.h"

#include <bpf/bpf.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "base/fd.hpp"
#include "common/edit/forward.h"
#include "harness/namespace.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr std::size_t kIndices = 7;

NextHopTable::Key host(std::uint32_t number) {
  NextHopTable::Key key;
  key.port = 1;
  key.address.family = DP_FAMILY_V4;
  key.address.address.word[0] = number;
  return key;
}

netlink::Neighbour in_state(netlink::NeighbourState state) {
  netlink::Neighbour neighbour;
  neighbour.state = state;
  neighbour.has_mac = state == netlink::NeighbourState::reachable;
  neighbour.mac = {2, 0, 0, 0, 0, 9};
  return neighbour;
}

// The array and the map outlive the NextHopTable, as they outlive the daemon.
class Tables {
 public:
  Tables()
      : map_(bpf_map_create(BPF_MAP_TYPE_HASH, "neighbours", sizeof(dp_neighbour_key), sizeof(std::uint32_t), 64,
                            nullptr)) {
    REQUIRE(map_);
    start_daemon();
  }
  // A new daemon over the array and the map that the last one left.
  void start_daemon() {
    table_ = std::make_unique<NextHopTable>(hops, map_.get());
    table_->set_port(1, {.mtu = 1500, .up = true});
  }
  NextHopTable* operator->() { return table_.get(); }

  // 0: refused.
  std::uint16_t give(std::uint32_t number) {
    const auto index = table_->obtain(host(number));
    return index ? *index : std::uint16_t{0};
  }
  void give_all() {
    for (std::uint32_t i = 1; i <= kIndices; ++i) REQUIRE(give(i) == i);
  }
  void resolve(std::uint16_t index) {
    const netlink::Neighbour found = in_state(netlink::NeighbourState::reachable);
    table_->set_neighbour(index, &found);
  }
  // Two calls: neighbours that were not obtained in between are retired.
  std::size_t retire(const std::set<std::uint16_t>& gateways = {}) {
    const std::size_t first = table_->retire_unwanted(gateways).size();
    return first + table_->retire_unwanted(gateways).size();
  }
  // The index that a datapath finds for a neighbour; 0: none.
  [[nodiscard]] std::uint32_t found(std::uint32_t number) const {
    dp_neighbour_key key{};
    key.address = host(number).address.address;
    key.port = 1;
    key.family = DP_FAMILY_V4;
    std::uint32_t index = 0;
    return bpf_map_lookup_elem(map_.get(), &key, &index) == 0 ? index : 0;
  }

  std::vector<dp_next_hop> hops = std::vector<dp_next_hop>(kIndices + 1);

 private:
  UniqueFd map_;
  std::unique_ptr<NextHopTable> table_;
};

}  // namespace

TEST_CASE("indices are reused for many more neighbours than there are indices") {
  if (!require_root()) return;
  Tables tables;
  for (std::uint32_t i = 1; i <= 20 * kIndices; ++i) {
    if (tables->crowded() && tables.retire() != 0) tables->release_retired();
    REQUIRE(tables.give(i) != 0);
    CHECK(tables.found(i) == tables.give(i));
  }
}

TEST_CASE("a retired index is not found, and not assigned again before it is released") {
  if (!require_root()) return;
  Tables tables;
  tables.give_all();
  CHECK(tables.give(100) == 0);
  CHECK(tables->retire_unwanted({}).empty());
  CHECK(tables->retire_unwanted({}).size() == kIndices);
  CHECK(tables->has_retired());
  for (std::uint32_t i = 1; i <= kIndices; ++i) CHECK(tables.found(i) == 0);
  CHECK(tables->find(host(1)) == 0);
  CHECK(tables->key_of(1) == nullptr);
  CHECK(tables.give(100) == 0);
  tables->release_retired();
  CHECK_FALSE(tables->has_retired());
  CHECK(tables.give(100) != 0);
}

TEST_CASE("resolved neighbours, gateways and neighbours that were just obtained keep their index") {
  if (!require_root()) return;
  Tables tables;
  tables.give_all();
  tables.resolve(2);
  const std::set<std::uint16_t> gateways{3};
  CHECK(tables->retire_unwanted(gateways).empty());
  CHECK(tables.give(4) == 4);
  CHECK(tables->retire_unwanted(gateways).size() == kIndices - 3);
  for (const std::uint32_t kept : {2U, 3U, 4U}) CHECK(tables.found(kept) == kept);
  CHECK(tables->retire_unwanted(gateways).size() == 1);  // 4 was not obtained again
  CHECK(tables.found(4) == 0);
}

TEST_CASE("a resolved neighbour that Linux loses can be retired") {
  if (!require_root()) return;
  Tables tables;
  tables.give_all();
  tables.resolve(2);
  CHECK(tables.retire() == kIndices - 1);
  tables->set_neighbour(2, nullptr);
  CHECK(tables.retire() == 1);
}

TEST_CASE(
    "a daemon that adopts the tables assigns no index that a flow may still hold, wherever the last daemon died") {
  if (!require_root()) return;
  Tables tables;
  tables.give_all();
  tables.resolve(1);
  SUBCASE("with all taken") {
    tables.start_daemon();
    CHECK(tables.give(100) == 0);
    for (std::uint32_t i = 1; i <= kIndices; ++i) CHECK(tables.give(i) == i);
  }
  SUBCASE("with some retired, before live flows had a new route epoch") {
    CHECK(tables.retire() == kIndices - 1);
    tables.start_daemon();
    CHECK(tables->has_retired());
    CHECK(tables.give(100) == 0);
    CHECK(tables.give(1) == 1);
    tables->release_retired();
    for (std::uint32_t i = 0; i < kIndices - 1; ++i) {
      const std::uint16_t given = tables.give(100 + i);
      CHECK(given > 1);
    }
    CHECK(tables.give(200) == 0);
  }
  SUBCASE("after the release") {
    CHECK(tables.retire() == kIndices - 1);
    tables->release_retired();
    tables.start_daemon();
    CHECK_FALSE(tables->has_retired());
    CHECK(tables.give(100) == 2);
    CHECK(tables.give(1) == 1);
  }
}

TEST_CASE("the table is crowded when more than three quarters are taken") {
  if (!require_root()) return;
  Tables tables;
  for (std::uint32_t i = 1; i < kIndices; ++i) REQUIRE(tables.give(i) == i);
  CHECK_FALSE(tables->crowded());
  REQUIRE(tables.give(kIndices) == kIndices);
  CHECK(tables->crowded());
}

TEST_CASE("a failed resolution is forgotten when Linux is asked again") {
  if (!require_root()) return;
  Tables tables;
  REQUIRE(tables.give(1) == 1);
  const netlink::Neighbour failed = in_state(netlink::NeighbourState::failed);
  tables->set_neighbour(1, &failed);
  CHECK((tables.hops[1].flags & DP_NEXT_HOP_FAILED) != 0);
  tables->forget_failure(1);
  CHECK((tables.hops[1].flags & DP_NEXT_HOP_FAILED) == 0);
  CHECK((tables.hops[1].flags & DP_NEXT_HOP_UP) != 0);
}

TEST_CASE("a packet that has seen a neighbour resolved goes to the address it had, when Linux loses it meanwhile") {
  if (!require_root()) return;
  Tables tables;
  REQUIRE(tables.give(1) == 1);
  tables.resolve(1);
  const netlink::Mac known = in_state(netlink::NeighbourState::reachable).mac;
  tables->set_neighbour(1, nullptr);
  CHECK((tables.hops[1].flags & DP_NEXT_HOP_RESOLVED) == 0);
  CHECK(std::ranges::equal(tables.hops[1].destination_mac, known));
}

TEST_CASE("no packet goes to a mixture of two addresses of a neighbour") {
  if (!require_root()) return;
  Tables tables;
  REQUIRE(tables.give(1) == 1);
  std::array<netlink::Neighbour, 2> states;
  states.fill(in_state(netlink::NeighbourState::reachable));
  states[0].mac = {2, 2, 2, 2, 2, 2};
  states[1].mac = {4, 4, 4, 4, 4, 4};
  tables->set_neighbour(1, &states[0]);
  constexpr int kPackets = 5'000'000;
  std::atomic<bool> over = false;
  std::atomic<int> sent = 0, mixed = 0;
  std::thread reader([&] {
    const dp_packet packet{};
    std::array<std::uint8_t, 64> frame{};
    while (!over) {
      // whatever the flags say by now: a packet may have asked them long before
      dp_forward_link(frame.data(), &packet, &tables.hops[1], 0);
      const bool whole = std::ranges::any_of(states, [&](const netlink::Neighbour& state) {
        return std::equal(state.mac.begin(), state.mac.end(), frame.begin());
      });
      ++(whole ? sent : mixed);
    }
  });
  for (int i = 0; sent + mixed < kPackets; ++i) tables->set_neighbour(1, &states[static_cast<std::size_t>(i % 2)]);
  over = true;
  reader.join();
  CHECK(mixed == 0);
}

TEST_CASE("a neighbour has a next hop for each MTU of the routes to it, and the port's is the limit") {
  if (!require_root()) return;
  Tables tables;
  NextHopTable::Key tunnel = host(1), jumbo = host(1);
  tunnel.mtu = 1400;
  jumbo.mtu = 9000;
  REQUIRE(tables->obtain(host(1)).value() == 1);
  REQUIRE(tables->obtain(tunnel).value() == 2);
  REQUIRE(tables->obtain(jumbo).value() == 3);
  std::size_t count = 0;
  tables->for_each_of(1, host(1).address, [&](const NextHopTable::Key&, std::uint16_t) { ++count; });
  CHECK(count == 3);
  CHECK(tables.hops[1].mtu == 1500);
  CHECK(tables.hops[2].mtu == 1400);
  CHECK(tables.hops[3].mtu == 1500);
  tables->set_port(1, {.mtu = 1300, .up = true});
  for (const std::size_t index : {1U, 2U, 3U}) CHECK(tables.hops[index].mtu == 1300);
  tables.start_daemon();
  CHECK(tables->find(tunnel) == 2);
  CHECK(tables.hops[2].mtu == 1400);
}

TEST_CASE("hosts on links leave an eighth of the indices to gateways, and a problem says so while they are refused") {
  if (!require_root()) return;
  constexpr std::size_t kMany = 64;
  UniqueFd map{
      bpf_map_create(BPF_MAP_TYPE_HASH, "neighbours", sizeof(dp_neighbour_key), sizeof(std::uint32_t), 128, nullptr)};
  std::vector<dp_next_hop> hops(kMany + 1);
  NextHopTable table(hops, map.get());
  std::uint32_t given = 0;
  for (std::uint32_t number = 1; number <= 2 * kMany; ++number) given += table.obtain(host(number)) ? 1 : 0;
  CHECK(given == kMany - kMany / 8);
  CHECK(table.problems().size() == 1);
  for (std::uint32_t number = 0; number < kMany / 8; ++number)
    CHECK(table.obtain(host(1000 + number), NextHopTable::For::route));
  CHECK_FALSE(table.obtain(host(2000), NextHopTable::For::route));
  table.end_period();
  CHECK(table.problems().size() == 1);
  table.end_period();
  CHECK(table.problems().empty());
}
