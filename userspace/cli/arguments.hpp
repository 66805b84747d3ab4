// arguments.hpp - the command line of twinpath.
#pragma once

namespace twinpath::cli {

// Reads the command line and runs the command; returns the exit status. Says what is wrong with a command line on
// standard error.
[[nodiscard]] int run(int argc, const char* const* argv);

}  // namespace twinpath::cli
