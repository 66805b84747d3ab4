// main.cpp - the program pktgen: reads the command line, measures, prints.

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <vector>

#include "bench/pktgen/drive.hpp"
#include "bench/pktgen/kernel_pktgen.hpp"
#include "bench/pktgen/options.hpp"
#include "bench/pktgen/report.hpp"

namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

int complain(const twinpath::Error& error, int status) {
  fmt::print(stderr, "pktgen: {}\n", error.text);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace twinpath::pktgen;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  auto line = parse_command_line(words);
  if (!line) return complain(line.error(), 2);
  if (line->help) {
    fmt::print("{}", help_text());
    return 0;
  }
  catch_signals();
  auto outcome = drive(*line, kPktgenFolder, &interrupted);
  if (!outcome) return complain(outcome.error(), 1);
  if (line->json)
    fmt::print("{}\n", report_json(outcome->report, line->run, outcome->driver).dump(2));
  else
    fmt::print("{}", report_table(outcome->report, line->run, outcome->driver));
  return 0;
}
