// reasons_test.cpp - the list of reasons, its names and its page for users are one thing.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "base/result.hpp"
#include "telemetry/reasons.hpp"

using namespace twinpath;

namespace {

std::string expected_page() {
  static constexpr const char* kVerdicts[] = {"forward", "steer", "pass", "drop"};
  std::string page =
      "# Reasons\n\nWhy a packet was not simply forwarded. Drops: `twinpath drops`, `GET /v1/drops`. Packets that went "
      "to "
      "the\nengine: `twinpath drops --steered`, `GET /v1/drops?steered=1`. All of them: `/metrics`, and the log for "
      "rules "
      "that\nsay `log`.\n\n";
  page += "| reason | what becomes of the packet | meaning |\n|---|---|---|\n";
  for (std::uint32_t reason = 1; reason < DP_REASONS; ++reason)
    page += fmt::format("| `{}` | {} | {} |\n", kReasons[reason].name,
                        kVerdicts[dp_reason_verdict(static_cast<dp_reason>(reason))], kReasons[reason].documentation);
  return page;
}

}  // namespace

TEST_CASE("docs/reasons.md says what common/model/reasons.def says") {
  std::ifstream file(TWINPATH_SOURCE_DIR "/docs/reasons.md");
  const std::string found{std::istreambuf_iterator<char>(file), {}};
  const std::string expected = expected_page();
  if (found != expected) std::ofstream("reasons.md") << expected;
  CHECK_MESSAGE(found == expected, "the page as it should be was written to reasons.md in the working directory");
}

TEST_CASE("every reason has a name of its own and an explanation") {
  std::set<std::string_view> names;
  for (const ReasonText& reason : kReasons) {
    CHECK(names.insert(reason.name).second);
    CHECK(!reason.documentation.empty());
  }
}

TEST_CASE("a reason's verdict is the one its line in the list names") {
  static constexpr dp_verdict kListed[] = {
#define DP_REASON(enumerator, name, verdict, documentation) DP_##verdict,
#include "common/model/reasons.def"
#undef DP_REASON
  };
  for (std::uint32_t reason = 0; reason < DP_REASONS; ++reason) {
    CAPTURE(kReasons[reason].name);
    CHECK(dp_reason_verdict(static_cast<dp_reason>(reason)) == kListed[reason]);
  }
}
