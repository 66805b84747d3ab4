// options.hpp - the command line of pktgen.
//
// Errors   name the option and what it allows.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "bench/pktgen/run.hpp"

namespace twinpath::pktgen {

// automatic: the kernel's pktgen where /proc/net/pktgen is and the options can be had from it, else live frames.
enum class Driver { automatic, kernel, live };

struct CommandLine {
  RunOptions run;
  Driver driver = Driver::automatic;
  bool json = false;
  bool help = false;
};

// The words behind the program's name.
[[nodiscard]] Result<CommandLine> parse_command_line(std::span<const std::string_view> words);

[[nodiscard]] std::string help_text();

}  // namespace twinpath::pktgen
