// pairs - inserts decided flows into the flow table of a running gateway, before a measurement.
//
//   pairs INSTANCE --flows N [--plain]
//
// The flows are those that scripts/bench sends; without --plain source address and port are translated, as by a
// masquerading NAT. Prints one line when all pairs are installed. It needs the bpffs with the instance's pins, and may run
// in any network namespace.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "bench/compare/numbered_flow.hpp"
#include "bench/compare/pairs/pair_maker.hpp"

namespace {

using namespace twinpath;
using namespace twinpath::bench;

struct Options {
  std::string instance;
  std::uint32_t flows = 1000;
  bool plain = false;
};

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Status run(const Options& options) {
  auto gateway = PinnedGateway::open(options.instance);
  if (!gateway) return pass_on(std::move(gateway.error()));
  auto maker = PairMaker::create(**gateway, {.rewrite = !options.plain});
  if (!maker) return pass_on(std::move(maker.error()));
  const double begin = monotonic_seconds();
  if (auto installed = maker->install(options.flows); !installed) return installed;
  const double end = monotonic_seconds();
  const dp_table_shape& shape = (*gateway)->settings().v4;
  fmt::print("{} pairs installed{} from {:.3f} to {:.3f} s on the monotonic clock, max_pairs {}\n", options.flows,
             options.plain ? "" : " with rewrite", begin, end, shape.max_pairs);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Inserts decided flows into the flow table of a running gateway"};
  app.add_option("instance", options.instance, "name of the gateway")->required();
  app.add_option("--flows", options.flows, "how many")->check(CLI::Range(1U, kNumberedFlowsMost));
  app.add_flag("--plain", options.plain, "without translation");
  CLI11_PARSE(app, argc, argv);

  if (auto done = run(options); !done) {
    fmt::print(stderr, "pairs: {}\n", done.error().text);
    return 1;
  }
  return 0;
}
