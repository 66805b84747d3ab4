// program.hpp - runs a program to its end and keeps what it said.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace twinpath {

struct Ran {
  int status = -1;  // exit status; -1 when it was killed
  std::string out;
  std::string err;
};

inline std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// `command` is a shell command line; `folder` is where its output may be kept meanwhile.
inline Ran run_program(const std::string& command, const std::string& folder) {
  const std::string out = folder + "/out";
  const std::string err = folder + "/err";
  const int status = std::system((command + " >" + out + " 2>" + err + " </dev/null").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, file_text(out), file_text(err)};
}

}  // namespace twinpath
