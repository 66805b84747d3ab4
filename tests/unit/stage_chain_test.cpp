// The chain runs the stages in one order, and those that have waited in one of them from there on.
#include <doctest/doctest.h>

#include "engine/stage_chain.hpp"
#include "harness/engine_fixture.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

struct ChainUnderTest {
  GatewayTables tables;
  MemoryIo io;
  NotedRequests requests;
  EngineCounters counters;
  FlowTally tally{tables.env};
  StageChain chain{tables.env, io,    requests,
                   counters,   tally, {.hold_total = 8, .hold_per_neighbour = 8, .reassembly = {}}};
};

// A packet of a live flow of `place: user`, as it is when it leaves the decide stage.
Item decided(ChainUnderTest& test) {
  test.tables.allow(DP_PLACE_USER);
  test.io.arrive(udp("198.51.100.1").bytes(), kLan);
  Item item{};
  item.frame = test.io.receive(1)[0];
  for (Stage* stage : test.chain.stages().first(3)) stage->run({&item, 1}, kStart);
  return item;
}

}  // namespace

TEST_CASE("the stages stand in the order in which a burst passes them") {
  ChainUnderTest test;
  std::vector<std::string_view> names;
  for (const Stage* stage : test.chain.stages()) names.push_back(stage->name());
  CHECK(names ==
        std::vector<std::string_view>{"read", "reassembly", "decide", "hold", "error_reply", "forward", "fragment"});
}

TEST_CASE("what has waited passes the stages behind the one it waited in, and no other") {
  ChainUnderTest test;
  Item item = decided(test);
  REQUIRE(item.undecided());
  const std::uint64_t read = test.counters.received[kLan].read().packets;
  test.chain.run_behind(test.chain.hold(), {&item, 1}, kStart);
  CHECK(item.fate == Fate::send);
  CHECK(item.egress == kWan);
  CHECK(test.counters.received[kLan].read().packets == read);
}

TEST_CASE("a whole chain takes a steered frame from its bytes to its egress port") {
  ChainUnderTest test;
  test.tables.allow(DP_PLACE_USER);
  test.io.arrive(udp("198.51.100.1").bytes(), kLan);
  Item item{};
  item.frame = test.io.receive(1)[0];
  test.chain.run({&item, 1}, kStart);
  CHECK(item.fate == Fate::send);
  CHECK(item.egress == kWan);
}
