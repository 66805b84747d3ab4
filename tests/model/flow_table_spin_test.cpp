// flow_table_spin_test.cpp - spin explores the model of the protocol completely, and each faulty variant until it fails.

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

// What a shell command prints.
std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  std::array<char, 4096> block;
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe)) text.append(block.data(), got);
  ::pclose(pipe);
  return text;
}

// Runs spin in a directory of its own and returns the verifier's report.
std::string explore(const std::string& fault) {
  std::string folder = (std::filesystem::temp_directory_path() / "flow-spin-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return {};
  const std::string define = fault.empty() ? "" : "-D" + fault + " ";
  const std::string report =
      output_of("cd " + folder + " && spin " + define +
                "-a " TWINPATH_FLOW_MODEL " 2>&1 && cc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m100000 2>&1");
  std::filesystem::remove_all(folder);
  return report;
}

bool spin_is_missing() { return std::system("command -v spin > /dev/null 2>&1") != 0; }

}  // namespace

TEST_CASE("no interleaving of the model violates an assertion") {
  if (spin_is_missing()) {
    std::puts("SKIPPED: spin is not installed");
    return;
  }
  const std::string report = explore("");
  INFO(report);
  CHECK(report.find("errors: 0") != std::string::npos);
  CHECK(report.find("max search depth too small") == std::string::npos);
  CHECK(report.find("Search not completed") == std::string::npos);
}

TEST_CASE("a model without one of its protective steps fails") {
  if (spin_is_missing()) {
    std::puts("SKIPPED: spin is not installed");
    return;
  }
  for (const char* fault : {"NO_DUPLICATES", "NO_FORWARD_CHECK", "NO_RECHECK", "BLIND_RETURN"}) {
    const std::string report = explore(fault);
    INFO(std::string{fault} << "\n" << report);
    CHECK(report.find("errors: 1") != std::string::npos);
  }
}
