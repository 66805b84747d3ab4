// Faults seeded into the kernel's build, one at a time (faults/*.fault): the comparison must notice each of them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "differential/differential.hpp"
#include "tests/harness/namespace.hpp"

namespace twinpath::test {
namespace {

constexpr std::uint64_t kFramesAtMost = 300000;

std::vector<std::filesystem::path> faulty_objects() {
  std::vector<std::filesystem::path> objects;
  for (const auto& entry : std::filesystem::directory_iterator(TWINPATH_FAULTS))
    if (entry.path().extension() == ".o") objects.push_back(entry.path());
  std::sort(objects.begin(), objects.end());
  return objects;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The first difference, found in a namespace of its own.
std::optional<std::string> first_difference(const std::string& object, std::uint64_t seed, std::uint64_t& frames) {
  std::optional<std::string> difference;
  TestNamespace gateway{"diff-fault"};
  gateway.inside([&] {
    Differential differential{object, seed};
    difference = differential.run(kFramesAtMost);
    frames = differential.seen().frames;
  });
  return difference;
}

}  // namespace

TEST_CASE("a fault in the kernel's build of the datapath does not go unnoticed") {
  if (!require_root()) return;
  const std::uint64_t seed = seed_of_run();
  fmt::print("TWINPATH_SEED={}\n", seed);
  const auto objects = faulty_objects();
  REQUIRE(objects.size() == TWINPATH_FAULT_COUNT);
  std::uint64_t frames = 0;
  // whatever is noticed without a fault would be mistaken for each of them
  const auto without = first_difference(TWINPATH_BPF_OBJECT, seed, frames);
  REQUIRE_MESSAGE(!without, without.value_or(""));
  for (const std::filesystem::path& object : objects) {
    const auto difference = first_difference(object, seed, frames);
    CHECK_MESSAGE(difference, object.filename().string(), " was not noticed");
    fmt::print("{}: {} frames: {}\n", object.stem().stem().string(), frames,
               first_line(difference.value_or("not noticed")));
  }
}

}  // namespace twinpath::test
