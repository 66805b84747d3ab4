// flow_table_race_faults_test.cpp - faults seeded into the protocol of installation, one at a time (race_faults/*.fault):
// the race must show each of them in the table.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "model/flow_race_run.hpp"
#include "tests/harness/namespace.hpp"

namespace twinpath::test {
namespace {

constexpr std::uint32_t kFlows = 4096;
constexpr std::uint32_t kSets = 4096;

std::vector<std::filesystem::path> faulty_objects() {
  std::vector<std::filesystem::path> objects;
  for (const auto& entry : std::filesystem::directory_iterator(TWINPATH_RACE_FAULTS))
    if (entry.path().extension() == ".o") objects.push_back(entry.path());
  std::sort(objects.begin(), objects.end());
  return objects;
}

// The first round that shows a fault, as text.
std::optional<std::string> first_fault(const std::string& object) {
  FlowRace race{object};
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (int round = 1; std::chrono::steady_clock::now() < end; ++round)
    for (const RaceKind& kind : kRaceKinds) {
      const RaceResult result = race.round(kind, kFlows, kSets);
      if (result.faults() > 0) return fmt::format("round {}: {}: {}", round, kind.name, describe(result));
    }
  return {};
}

}  // namespace

TEST_CASE("a fault in the installation protocol shows when two datapaths install one flow at the same moment") {
  if (!require_root()) return;
  if (std::thread::hardware_concurrency() < 2) {
    fmt::print("SKIPPED: needs two CPUs\n");
    return;
  }
  const auto objects = faulty_objects();
  REQUIRE(objects.size() == TWINPATH_RACE_FAULT_COUNT);
  for (const auto& object : objects)
    TestNamespace{"race-fault"}.inside([&] {
      const auto fault = first_fault(object);
      CHECK_MESSAGE(fault, object.filename().string(), " was not noticed");
      fmt::print("{}: {}\n", object.stem().stem().string(), fault.value_or("not noticed"));
    });
}

}  // namespace twinpath::test
