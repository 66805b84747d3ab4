// flow_table_race_test.cpp - two CPUs, or a CPU and the engine, see the same new flows at the same moment: each flow gets
// one pair, and no packet goes missing. TWINPATH_STRESS_SECONDS sets how long.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "model/flow_race_run.hpp"
#include "tests/harness/namespace.hpp"

namespace twinpath::test {
namespace {

constexpr std::uint32_t kFlows = 4096;
constexpr std::uint32_t kRoomySets = 4096;  // four times what the flows need: none has to make room
constexpr std::uint32_t kCrowdedSets = 64;  // an eighth of what they need
constexpr std::uint64_t kMeetings = 2000;   // of each kind at least, before the answer counts
// A packet may be dropped when the other side is interrupted in the middle of its installation. That is rare; a loser that
// does not wait for the winner is dropped at every fifteenth meeting.
constexpr std::uint64_t kMeetingsPerFull = 50;

bool may_race() {
  if (!require_root()) return false;
  if (std::thread::hardware_concurrency() >= 2) return true;
  fmt::print("SKIPPED: needs two CPUs\n");
  return false;
}

std::chrono::duration<double> time_of_each_kind() {
  const char* seconds = std::getenv("TWINPATH_STRESS_SECONDS");
  return std::chrono::duration<double>((seconds != nullptr ? std::atof(seconds) : 4) / std::size(kRaceKinds));
}

// Rounds of each kind until its time is up and the sides have met often enough.
template <class Check>
void race(std::uint32_t sets, Check check) {
  FlowRace race{TWINPATH_BPF_OBJECT};
  for (const RaceKind& kind : kRaceKinds) {
    const auto start = std::chrono::steady_clock::now(), end = start + std::chrono::minutes(2);
    RaceResult sum;
    while (std::chrono::steady_clock::now() < end &&
           (sum.met < kMeetings || std::chrono::steady_clock::now() - start < time_of_each_kind())) {
      const RaceResult result = race.round(kind, kFlows, sets);
      INFO(kind.name << ": " << describe(result));
      check(result);
      sum += result;
    }
    CHECK(sum.met >= kMeetings);
    fmt::print("{}: {}\n", kind.name, describe(sum));
    if (sets == kRoomySets) CHECK(sum.reasons[DP_TABLE_FULL] <= sum.met / kMeetingsPerFull);
  }
}

}  // namespace

TEST_CASE(
    "two datapaths that decide a new flow at the same moment install one pair, and every packet is sent or counted") {
  if (!may_race()) return;
  TestNamespace{"race"}.inside([] {
    race(kRoomySets, [](const RaceResult& result) {
      CHECK(result.faults() == 0);
      CHECK(result.missing == 0);
      CHECK(result.table.live == 2 * kFlows);
      CHECK(result.table.packets == result.forwarded);
    });
  });
}

TEST_CASE("the same in a table in which new flows evict others all the time") {
  if (!may_race()) return;
  TestNamespace{"race"}.inside([] {
    race(kCrowdedSets, [](const RaceResult& result) {
      CHECK(result.faults() == 0);
      CHECK(result.table.live > 0);
    });
  });
}

}  // namespace twinpath::test
