#include "engine/departing_flows.hpp"

#include <doctest/doctest.h>

using namespace twinpath;

namespace {

DepartingFlow flow(std::uint16_t device, std::uint64_t until) { return {until, 0, 0, 0, device, 0, 4}; }

// Lets what has completed leave, and counts what it was asked about.
struct Look {
  std::uint64_t completed = 0;
  std::size_t asked = 0;
  std::vector<std::uint64_t> left;

  void at(DepartingFlows& flows) {
    flows.visit([&](const DepartingFlow& one) {
      ++asked;
      if (one.until > completed) return false;
      left.push_back(one.until);
      return true;
    });
  }
};

}  // namespace

TEST_CASE("a look asks about what leaves, and one flow more, however many wait") {
  DepartingFlows flows{10'000};
  for (std::uint64_t until = 1; until <= 10'000; ++until) REQUIRE(flows.push(flow(1, until)));
  Look look;
  look.at(flows);
  CHECK(look.asked == 1);
  look.completed = 3;
  look.at(flows);
  CHECK(look.asked == 5);
  CHECK(look.left == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("a ring that stands still holds up no other") {
  DepartingFlows flows{100};
  REQUIRE(flows.push(flow(1, 1000)));
  for (std::uint64_t until = 1; until <= 5; ++until) REQUIRE(flows.push(flow(2, until)));
  Look look;
  look.completed = 5;
  look.at(flows);
  CHECK(look.left.size() == 5);
  CHECK_FALSE(flows.empty());
  look.completed = 1000;
  look.at(flows);
  CHECK(flows.empty());
}

TEST_CASE("what has left makes room, and beyond the room a flow is refused") {
  DepartingFlows flows{4};
  for (std::uint64_t round = 0; round < 10; ++round) {
    for (std::uint16_t device = 1; device <= 4; ++device) REQUIRE(flows.push(flow(device, round)));
    CHECK_FALSE(flows.push(flow(1, round)));
    Look look;
    look.completed = round;
    look.at(flows);
    CHECK(look.left.size() == 4);
    CHECK(flows.empty());
  }
}
