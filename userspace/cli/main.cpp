// main.cpp - twinpath, the launcher and the daemon's client.
#include <exception>

#include "base/standard_streams.hpp"
#include "cli/arguments.hpp"
#include "cli/output.hpp"

int main(int argc, char** argv) {
  twinpath::open_standard_streams();
  try {
    return twinpath::cli::run(argc, argv);
  } catch (const std::exception& error) {
    return twinpath::cli::failed(error.what());
  }
}
