// The scan timer over two flow tables in memory: who is deleted, and when a table counts as crowded.
#include "control/life/expiry_timer.hpp"

#include <doctest/doctest.h>

#include "harness/flow_steps.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

struct Fixture {
  boost::asio::io_context io;
  FlowTable v4{DP_FAMILY_V4}, v6{DP_FAMILY_V6};
  dp_settings memory{};
  SettingsWriter settings{memory};
  TickClock clock;
  FlowsConfig config;
  int seconds = 0;
  FlowTables flows{v4.view().v4, v4.view().cold, v6.view().v6, v6.view().cold, memory};
  ExpiryTimer timer{io, flows, settings, clock, config, [this] { ++seconds; }};

  Fixture() {
    clock.calibrate(1000000);
    memory.v4 = v4.view().shape;
    memory.v6 = v6.view().shape;
    memory.timeouts = v4.timeouts();  // ticks; half-open TCP: 10
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a pass deletes the idle pairs of both families and counts the others") {
  const std::uint32_t now = clock.now();
  v4.install(1, now - 100);
  v4.install(2, now + 50);
  v6.install(3, now - 100);
  timer.pass();
  CHECK_FALSE(v4.has(1));
  CHECK(v4.has(2));
  CHECK_FALSE(v6.has(3));
  CHECK(timer.pairs4().live == 1);
  CHECK(timer.pairs4().expired == 1);
  CHECK(timer.pairs6().live == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a table is crowded when too many of its pairs are half-open, and no longer when they are assured") {
  const std::uint32_t now = clock.now() + 50;
  config.half_open_share = 1.5 / v6.view().shape.max_pairs;
  v6.install(1, now);
  timer.pass();
  CHECK(memory.crowded == 0);
  v6.install(2, now);
  timer.pass();
  CHECK(memory.crowded == DP_CROWDED_V6);
  set_state(v6, 1, DP_FLOW_ASSURED);
  timer.pass();
  CHECK(memory.crowded == 0);
}

TEST_CASE_FIXTURE(Fixture, "the timer makes its first pass at once, and none after stop()") {
  v4.install(1, clock.now() - 100);
  timer.begin();
  CHECK(seconds == 1);
  CHECK_FALSE(v4.has(1));
  timer.stop();
  io.run();
  CHECK(seconds == 1);
}
