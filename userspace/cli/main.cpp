// main.cpp - twinpath, the launcher and the daemon's client.
#include <cstdio>
#include <exception>

#include "cli/arguments.hpp"
#include "cli/output.hpp"

int main(int argc, char** argv) {
  using namespace twinpath::cli;
  try {
    const int status = run(argc, argv);
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? status : failed("cannot write to standard output");
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}
