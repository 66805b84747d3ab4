// The stages of the kernel datapath keep away from the verifier's limits, by every clang that is installed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "common/model/stage.h"
#include "common/target.h"
#include "tests/harness/namespace.hpp"
#include "tests/harness/verifier_report.hpp"

namespace twinpath::test {
namespace {

constexpr double kShare = 0.6;
constexpr std::uint32_t kInstructions = 1'000'000;
constexpr std::uint32_t kStackBytes = 512;
constexpr std::uint32_t kFrames = 8;
constexpr std::uint32_t kTailCalls = 33;

std::vector<std::string> objects() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(TWINPATH_EACH_CLANG))
    if (entry.path().filename().string().starts_with("gateway.") && entry.path().extension() == ".o")
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

int quiet(enum libbpf_print_level, const char*, va_list) { return 0; }

}  // namespace

TEST_CASE("no stage is near a limit of the verifier") {
  if (!require_root()) return;
  libbpf_set_print(quiet);
  const auto files = objects();
  REQUIRE(!files.empty());
  for (const std::string& file : files) {
    const auto reports = verify_object(file);
    CHECK(reports.size() == DP_STAGES + 1);  // and the program on the hook
    for (const VerifierReport& report : reports) {
      const std::string what = std::filesystem::path(file).filename().string() + " " + report.program;
      fmt::print("{}: {} instructions, {} bytes of stack, {} frames\n", what, report.instructions, report.stack_bytes,
                 report.frames);
      CAPTURE(what);
      CHECK(report.instructions > 0);
      CHECK(report.instructions <= kShare * kInstructions);
      CHECK(report.stack_bytes > 0);
      CHECK(report.stack_bytes <= kShare * kStackBytes);
      CHECK(report.frames <= kShare * kFrames);
    }
  }
}

TEST_CASE("the longest path of a packet through the stages is within 60 % of the tail calls") {
  // A look enters a stage once, in the order of their numbers, which the twin of the differential test checks packet by
  // packet. `odd` comes before the first look and `send` behind the last.
  static_assert(DP_STAGE_ODD == 0 && DP_STAGE_SEND == DP_STAGES - 1);
  constexpr std::uint32_t kOfLook = DP_STAGE_SEND - DP_STAGE_ODD - 1;
  constexpr std::uint32_t kTailCallsAtMost = 1 + kOfLook * DP_DECIDE_LOOKS + 1;
  CHECK(kTailCallsAtMost <= kShare * kTailCalls);
}

}  // namespace twinpath::test
