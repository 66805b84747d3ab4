// main.cpp - twinpath, the launcher and the daemon's client.
#include "base/standard_streams.hpp"
#include "cli/arguments.hpp"

int main(int argc, char** argv) {
  twinpath::open_standard_streams();
  return twinpath::cli::run(argc, argv);
}
