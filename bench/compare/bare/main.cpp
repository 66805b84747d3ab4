// bare - forwards between two devices without any policy, until it is ended by a signal: what others are measured against.
//
//   bare redirect|lookup|bridge|bridge-live|pass DEVICE DEVICE [--flows N] [--busy-poll]
//
// Prints one line when it forwards, which says how. bench/README.md tells what the modes are.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <map>

#include "bench/compare/bare/forwarder.hpp"
#include "bench/compare/numbered_flow.hpp"

namespace {

using twinpath::bench::Mode;

// A signal handler can reach nothing but a global.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

const std::map<std::string, Mode> kModes{{"redirect", Mode::redirect},
                                         {"lookup", Mode::lookup},
                                         {"bridge", Mode::bridge},
                                         {"bridge-live", Mode::bridge_live},
                                         {"pass", Mode::pass}};

}  // namespace

int main(int argc, char** argv) {
  twinpath::bench::ForwarderOptions options;
  CLI::App app{"Forwards between two devices without any policy"};
  app.add_option("mode", options.mode, "what forwards")->required()->transform(CLI::CheckedTransformer(kModes));
  app.add_option("first", options.devices[0], "device")->required();
  app.add_option("second", options.devices[1], "device")->required();
  app.add_option("--flows", options.flows, "flows in the map of lookup")
      ->check(CLI::Range(1U, twinpath::bench::kNumberedFlowsMost));
  app.add_flag("--busy-poll", options.busy_poll, "spin instead of sleeping, in the bridges");
  CLI11_PARSE(app, argc, argv);

  catch_signals();
  auto forwarder = twinpath::bench::Forwarder::open(options);
  if (!forwarder) {
    fmt::print(stderr, "bare: {}\n", forwarder.error().text);
    return 1;
  }
  fmt::print("{}\n", forwarder->mode());
  std::fflush(stdout);
  forwarder->run(interrupted);
  return 0;
}
