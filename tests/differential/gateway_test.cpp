// The kernel's build of the datapath against the C++ build: every frame, every table, after every frame.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "differential/differential.hpp"
#include "tests/harness/namespace.hpp"

namespace twinpath::test {
namespace {

std::uint64_t frames_of_run() {
  const char* frames = std::getenv("TWINPATH_DIFFERENTIAL_FRAMES");
  return frames != nullptr ? std::strtoull(frames, nullptr, 0) : 1000000;
}

void print_seen(const Seen& seen, std::chrono::duration<double> took) {
  fmt::print("{} frames in {:.1f} s, {} forwarded ({} translated) and {} steered by the fast path, {} pairs with NAT\n",
             seen.frames, took.count(), seen.hits, seen.translated_hits, seen.user_hits, seen.planted);
  for (std::size_t i = 0; i < seen.by_reason.size(); ++i)
    fmt::print("{}{} {}", i ? ", " : "", reason_name(i), seen.by_reason[i]);
  fmt::print("\n");
}

// Reasons that the kernel datapath never gives: they are the engine's, or of losses behind the programs.
bool is_of_engine(std::size_t reason) {
  for (const std::size_t engine :
       {DP_RULE_REJECT, DP_TTL_EXCEEDED, DP_TOO_BIG, DP_NEIGHBOUR_FAILED, DP_HOLD_FULL, DP_NO_METADATA_ROOM, DP_TX_FULL,
        DP_SOCKET_FULL, DP_FRAME_TOO_LONG, DP_EGRESS_REFUSED, DP_STALE_STEER, DP_FRAGMENT_TIMEOUT, DP_INTERNAL,
        DP_STEER_CHECKSUM})
    if (engine == reason) return true;
  return false;
}

}  // namespace

TEST_CASE("both builds of the datapath give the same answer to every frame, and leave the same tables") {
  if (!require_root()) return;
  const std::uint64_t seed = seed_of_run(), frames = frames_of_run();
  fmt::print("TWINPATH_SEED={}\n", seed);
  TestNamespace gateway{"diff"};
  gateway.inside([&] {
    Differential differential{TWINPATH_BPF_OBJECT, seed};
    const auto start = std::chrono::steady_clock::now();
    const std::optional<std::string> difference = differential.run(frames);
    print_seen(differential.seen(), std::chrono::steady_clock::now() - start);
    CHECK_MESSAGE(!difference, difference.value_or(""));
    if (difference || frames < 500000) return;
    // a generator that reaches only half of the program proves half
    CHECK(differential.seen().hits > frames / 40);
    CHECK(differential.seen().user_hits > frames / 400);
    CHECK(differential.seen().translated_hits > frames / 1000);
    for (std::size_t reason = 0; reason < DP_REASONS; ++reason)
      if (!is_of_engine(reason))
        CHECK_MESSAGE(differential.seen().by_reason[reason] > 0, "never seen: ", reason_name(reason));
  });
}

}  // namespace twinpath::test
