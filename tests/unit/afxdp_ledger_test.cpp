// afxdp_ledger_test.cpp - the account of frames, against a slow twin.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "afxdp/frame_pool.hpp"

using namespace twinpath::afxdp;

namespace {

constexpr Where kEngine{engine_owner(0), Place::engine};
constexpr Owner kSocket = 1, kOther = 2;
constexpr Where kFill{kSocket, Place::fill};
constexpr Where kTx{kOther, Place::tx};

// The same account, kept as a person would: one map, everything counted anew each time.
struct Twin {
  std::map<std::uint32_t, Where> frames;

  bool move(std::uint32_t frame, Where from, Where to) {
    auto found = frames.find(frame);
    if (found == frames.end() || !(found->second == from) || from == to) return false;
    found->second = to;
    return true;
  }
  std::uint32_t count(Place place) const {
    return static_cast<std::uint32_t>(std::count_if(
        frames.begin(), frames.end(), [place](const auto& entry) { return entry.second.place == place; }));
  }
};

Where random_where(std::mt19937& random) {
  static constexpr Owner owners[] = {kNobody, kSocket, DP_SOCKETS_MAX, engine_owner(0), engine_owner(1)};
  return Where{owners[random() % std::size(owners)], static_cast<Place>(random() % kPlaces)};
}

}  // namespace

TEST_CASE("the ledger agrees with a map of frames over random moves") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  constexpr std::uint32_t kFrames = 64;
  FrameLedger ledger{kFrames};
  Twin twin;
  for (std::uint32_t frame = 0; frame < kFrames; ++frame) twin.frames[frame] = kFree;

  for (int step = 0; step < 50000; ++step) {
    const std::uint32_t frame = random() % (kFrames + 4);  // some do not exist
    // Half of the moves start where the frame is, so that not all are refused.
    const Where from = random() % 2 == 0 ? ledger.where(frame) : random_where(random);
    const Where to = random_where(random);
    REQUIRE(ledger.move(frame, from, to) == twin.move(frame, from, to));
  }

  for (std::size_t place = 0; place < kPlaces; ++place)
    CHECK(ledger.count(static_cast<Place>(place)) == twin.count(static_cast<Place>(place)));
  for (const auto& [frame, where] : twin.frames) CHECK(ledger.where(frame) == where);
  CHECK(ledger.check());
}

TEST_CASE("a move that does not start where the frame is changes nothing") {
  FrameLedger ledger{4};
  REQUIRE(ledger.move(1, kFree, kEngine));
  const struct {
    const char* name;
    std::uint32_t frame;
    Where from;
  } cases[] = {{"wrong place", 1, {engine_owner(0), Place::tx}},
               {"wrong owner", 1, {engine_owner(1), Place::engine}},
               {"first index after the end", 4, kFree},
               {"no frame", kNoFrame, kFree}};
  for (const auto& c : cases) SUBCASE(c.name) {
      CHECK_FALSE(ledger.move(c.frame, c.from, kTx));
      CHECK(ledger.where(1) == kEngine);
      CHECK(ledger.count(Place::tx) == 0);
      CHECK(ledger.check());
    }
}

TEST_CASE("owners of sockets and engines never coincide") {
  std::set<Owner> owners{kNobody, kRetired};
  std::size_t added = owners.size();
  for (Owner socket = 1; socket <= DP_SOCKETS_MAX; ++socket, ++added) owners.insert(socket);
  for (std::uint16_t id = 0; id < 64; ++id, ++added) owners.insert(engine_owner(id));
  CHECK(owners.size() == added);
}

TEST_CASE("a frame freed twice is on the free stack once") {
  auto pool = FramePool::create(8, 2048);
  REQUIRE(pool);
  const std::uint32_t frame = pool->take(kEngine);
  REQUIRE(frame != kNoFrame);
  CHECK(pool->give_back(frame, kEngine));
  CHECK_FALSE(pool->give_back(frame, kEngine));
  CHECK_FALSE(pool->give_back(frame, kFree));

  CHECK(pool->free_frames() == 8);
  CHECK(pool->check());
}

TEST_CASE("the pool hands out every frame once and then none") {
  auto pool = FramePool::create(16, 4096);
  REQUIRE(pool);
  std::set<std::uint32_t> taken;
  for (int i = 0; i < 16; ++i) taken.insert(pool->take(kFill));
  CHECK(taken.size() == 16);
  CHECK(*taken.rbegin() == 15);
  CHECK(pool->take(kFill) == kNoFrame);
  CHECK(pool->check());
}

TEST_CASE("frames of a removed socket move, those of others and of the engine stay") {
  auto pool = FramePool::create(8, 2048);
  REQUIRE(pool);
  const Owner removed = kSocket;
  static_cast<void>(pool->take({removed, Place::fill}));
  static_cast<void>(pool->take({removed, Place::tx}));
  static_cast<void>(pool->take(kEngine));
  static_cast<void>(pool->take(kTx));

  SUBCASE("to the free stack") {
    pool->move_all(removed, kFree);
    CHECK(pool->free_frames() == 6);
  }
  SUBCASE("to retirement, and from there to the free stack") {
    pool->move_all(removed, {kRetired, Place::completion});
    CHECK(pool->free_frames() == 4);
    CHECK(pool->ledger().count(Place::completion) == 2);
    pool->move_all(kRetired, kFree);
    CHECK(pool->free_frames() == 6);
  }
  CHECK(pool->ledger().count(Place::engine) == 1);
  CHECK(pool->ledger().count(Place::tx) == 1);
  CHECK(pool->check());
}
