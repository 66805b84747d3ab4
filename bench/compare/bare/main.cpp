// bare - forwards between two devices without a policy until a signal ends it: the programs that gateways are measured
// against.
//
//   bare MODE DEVICE DEVICE [--flows N] [--ipv6] [--neighbours MAC MAC] [--busy-poll]
//
// Prints one line as soon as it forwards, which says how. In the insert modes it prints a second line when it ends:
// the packets that did not insert two entries. bench/README.md describes the modes.

#include <netinet/ether.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

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

const std::map<std::string, Mode> kModes{{"redirect", Mode::redirect}, {"lookup", Mode::lookup},
                                         {"insert", Mode::insert},     {"insert-lru", Mode::insert_lru},
                                         {"bridge", Mode::bridge},     {"bridge-live", Mode::bridge_live},
                                         {"pass", Mode::pass}};

twinpath::bench::MacAddress read_mac(const std::string& text) {
  ether_addr address{};
  if (ether_aton_r(text.c_str(), &address) == nullptr) throw CLI::ValidationError(text + " is no MAC address");
  twinpath::bench::MacAddress mac{};
  std::copy_n(address.ether_addr_octet, mac.size(), mac.begin());
  return mac;
}

bool is_insert(Mode mode) { return mode == Mode::insert || mode == Mode::insert_lru; }

}  // namespace

int main(int argc, char** argv) {
  twinpath::bench::ForwarderOptions options;
  std::vector<std::string> neighbours;
  CLI::App app{"Forwards between two devices without a policy"};
  app.add_option("mode", options.mode, "what forwards")->required()->transform(CLI::CheckedTransformer(kModes));
  app.add_option("first", options.devices[0], "device")->required();
  app.add_option("second", options.devices[1], "device")->required();
  app.add_option("--flows", options.flows, "flows in the map of lookup; pairs that the map of insert has room for")
      ->check(CLI::Range(1U, twinpath::bench::kNumberedFlowsMost));
  app.add_flag("--ipv6", options.ipv6, "flows of lookup are IPv6");
  app.add_option("--neighbours", neighbours, "destination MAC of what leaves by first and by second, for insert")
      ->expected(2);
  app.add_flag("--busy-poll", options.busy_poll, "spin instead of sleeping, in the bridges");
  try {
    app.parse(argc, argv);
    if (is_insert(options.mode) && neighbours.empty()) throw CLI::RequiredError("--neighbours");
    std::transform(neighbours.begin(), neighbours.end(), options.neighbours.begin(), read_mac);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }

  catch_signals();
  auto forwarder = twinpath::bench::Forwarder::open(options);
  if (!forwarder) {
    fmt::print(stderr, "bare: {}\n", forwarder.error().text);
    return 1;
  }
  fmt::print("{}\n", forwarder->mode());
  std::fflush(stdout);
  forwarder->run(interrupted);
  if (is_insert(options.mode)) {
    const bare_exceptions counted = forwarder->exceptions();
    fmt::print("without two new entries: {} known, {} no room, {} not handled\n", counted.known, counted.no_room,
               counted.not_handled);
  }
  return 0;
}
