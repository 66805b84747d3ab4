// hold_queue_test.cpp - bounds, order and counters of packets that wait for a neighbour.

#include "engine/hold_queue.hpp"

#include "common/target.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace twinpath;

namespace {

AwaitedNeighbour neighbour(std::uint32_t number) {
  AwaitedNeighbour out;
  out.address.word[0] = number;
  out.port = 1;
  out.family = DP_FAMILY_V4;
  return out;
}

Item item(std::uint32_t frame, std::uint32_t slot = 0, bool known = false) {
  Item out{};
  out.frame.index = frame;
  out.context.packet.family = DP_FAMILY_V4;
  out.context.view.slot = slot;
  out.context.known = known ? 1 : 0;
  return out;
}

std::vector<std::uint32_t> drain(HoldQueue& queue, std::uint32_t now = 0) {
  std::vector<std::uint32_t> frames;
  queue.visit(now, 1000, [&](Waiting& waiting, bool) {
    frames.push_back(waiting.item.frame.index);
    return true;
  });
  return frames;
}

}  // namespace

TEST_CASE("packets leave in the order they came") {
  HoldQueue queue(20, 10);
  for (std::uint32_t i = 0; i < 5; ++i) REQUIRE(queue.hold(item(i), neighbour(i % 2), 0));
  CHECK(drain(queue) == std::vector<std::uint32_t>{0, 1, 2, 3, 4});
  CHECK(queue.empty());
}

TEST_CASE("packets for one neighbour have a bound, which leaves other neighbours theirs") {
  HoldQueue queue(10, 3);
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(queue.hold(item(i), neighbour(1), 0));
  CHECK_FALSE(queue.hold(item(3), neighbour(1), 0));
  CHECK(queue.hold(item(4), neighbour(2), 0));
  CHECK(queue.size() == 4);
}

TEST_CASE("the bound of all packets holds for any number of neighbours") {
  HoldQueue queue(8, 4);
  for (std::uint32_t i = 0; i < 4; ++i) REQUIRE(queue.hold(item(i), neighbour(i), 0));
  CHECK_FALSE(queue.hold(item(9), neighbour(9), 0));
}

TEST_CASE("packets of one port leave room for those of others, however many come") {
  HoldQueue queue(12, 12);
  const auto from = [](std::uint16_t port, std::uint32_t number) {
    Item out = item(number);
    out.context.packet.ingress = port;
    return out;
  };
  const auto flood = [&](std::uint16_t port) {
    std::uint32_t held = 0;
    for (std::uint32_t i = 0; i < 100; ++i) held += queue.hold(from(port, i), neighbour(1000U * port + i), 0) ? 1 : 0;
    return held;
  };
  CHECK(flood(1) == 6);
  CHECK(flood(2) == 3);
  CHECK(flood(3) == 2);
  CHECK(flood(1) == 0);
  CHECK(drain(queue).size() == 11);
  CHECK(flood(2) == 6);
}

TEST_CASE("packets that a visit takes out make room for new ones") {
  HoldQueue queue(4, 2);
  REQUIRE(queue.hold(item(0), neighbour(1), 0));
  REQUIRE(queue.hold(item(1), neighbour(1), 0));
  queue.visit(0, 1000, [](Waiting& waiting, bool) { return waiting.item.frame.index == 0; });
  CHECK(queue.size() == 1);
  CHECK(queue.hold(item(2), neighbour(1), 0));
  CHECK_FALSE(queue.hold(item(3), neighbour(1), 0));
  CHECK(drain(queue) == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("packets that have waited too long are offered as expired and leave, also when the tick counter wraps") {
  const std::uint32_t start = 0xfffffff0;
  HoldQueue queue(4, 4);
  REQUIRE(queue.hold(item(0), neighbour(1), start));
  REQUIRE(queue.hold(item(1), neighbour(1), start + 30));
  std::vector<bool> expired;
  queue.visit(start + 40, 35, [&](Waiting&, bool past) {
    expired.push_back(past);
    return false;
  });
  CHECK(expired == std::vector<bool>{true, false});
  CHECK(drain(queue) == std::vector<std::uint32_t>{1});
}

TEST_CASE("the queue tells which flows have waiting packets") {
  HoldQueue queue(4, 4);
  REQUIRE(queue.hold(item(0, 77, true), neighbour(1), 0));
  REQUIRE(queue.hold(item(1, 88, false), neighbour(1), 0));
  CHECK(queue.waits_for_flow(DP_FAMILY_V4, 77));
  CHECK_FALSE(queue.waits_for_flow(DP_FAMILY_V6, 77));
  CHECK_FALSE(queue.waits_for_flow(DP_FAMILY_V4, 88));  // has no flow yet
  CHECK_FALSE(queue.waits_for_flow(DP_FAMILY_V4, 99));
  drain(queue);
  CHECK_FALSE(queue.waits_for_flow(DP_FAMILY_V4, 77));
}

TEST_CASE("counting by hash agrees with counting by walking, for thousands of neighbours") {
  HoldQueue queue(4000, 3);  // one port has half of it
  std::vector<std::uint32_t> held(1000, 0);
  std::uint32_t seed = 4711;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    seed = seed * 1664525 + 1013904223;
    const std::uint32_t who = (seed >> 12) % 1000;
    const std::size_t before = queue.size();
    const bool room = before < 2000 && held[who] < 3;
    REQUIRE(queue.hold(item(i), neighbour(who), 0) == room);
    held[who] += room ? 1 : 0;
    if (i % 500 != 499) continue;
    queue.visit(0, 10, [&](Waiting& waiting, bool) {
      const bool leaves = waiting.item.frame.index % 3 == 0;
      held[waiting.neighbour.address.word[0]] -= leaves ? 1 : 0;
      return leaves;
    });
  }
}
