// arguments.hpp - the command line of twinpath.
#pragma once

namespace twinpath::cli {

// Reads the command line, runs the command and says what came of it; returns the exit status.
[[nodiscard]] int run(int argc, const char* const* argv);

}  // namespace twinpath::cli
