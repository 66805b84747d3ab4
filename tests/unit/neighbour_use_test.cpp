// When a neighbour is given back, and how many are asked for at a time.
#include "control/follow/neighbour_use.hpp"

#include <doctest/doctest.h>

using namespace twinpath;
using namespace std::chrono_literals;

TEST_CASE("a next hop is in use for a minute after it was used, and an earlier daemon's for a minute after the start") {
  NeighbourUse use;
  const auto start = NeighbourUse::Clock::now();
  use.used(7, start);
  for (const std::uint16_t index : {7, 8}) {
    CHECK(use.in_use(index, start + 59s));
    CHECK_FALSE(use.in_use(index, start + 61s));
  }
  use.used(7, start + 50s);
  CHECK(use.in_use(7, start + 100s));
  CHECK_FALSE(use.idle_for(7, NeighbourUse::kUnanswered, start + 60s));
  CHECK(use.idle_for(7, NeighbourUse::kUnanswered, start + 66s));
}

TEST_CASE("so many neighbours of a port are asked for at a time, and other ports are not concerned") {
  NeighbourUse use;
  for (std::uint16_t index = 1; index <= NeighbourUse::kAskedAtOnce; ++index) {
    REQUIRE(use.may_ask(1, 0));
    use.asked(1, index);
  }
  CHECK(use.crowded(1));
  CHECK_FALSE(use.may_ask(1, 0));
  CHECK_FALSE(use.may_ask(1, 3000));
  CHECK(use.may_ask(1, 5));  // asked for already
  CHECK(use.may_ask(2, 0));
  use.answered(1, 5);
  CHECK(use.may_ask(1, 0));
}
