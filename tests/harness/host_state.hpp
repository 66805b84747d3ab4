// host_state.hpp - what a gateway could have changed on the host of a lab, as text to compare.
#pragma once

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "harness/gateway_lab.hpp"

namespace twinpath::test {

// ip complains about namespaces of others that go meanwhile: "Peer netns reference is invalid".
inline constexpr const char* kQuiet = " 2>/dev/null";

// The devices at all four ends with their XDP programs and settings, all their features, the pins and the files in
// /run/twinpath of this instance. Not its log, which is meant to stay.
[[nodiscard]] inline std::string host_state(const GatewayLab& lab) {
  std::string state;
  const auto look = [&](const TestNamespace& part, const std::string& device) {
    state += part.run("ip -details link show " + device + kQuiet) + part.run("ethtool -k " + device);
  };
  look(lab.gateway, "lan0");
  look(lab.gateway, "wan0");
  look(lab.client, "eth0");
  look(lab.server, "eth0");
  state += run_command("find /sys/fs/bpf -path '*/" + lab.name() + "*'").output;
  state += run_command("find /run/twinpath -name '" + lab.name() + ".*' ! -name '*.log'").output;
  return state;
}

// The lines that are in one of them only, for a message that can be read; empty when they are equal.
[[nodiscard]] inline std::string difference(const std::string& before, const std::string& after) {
  if (before == after) return "";
  const auto lines_of = [](const std::string& text) {
    std::multiset<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.insert(line);
    return lines;
  };
  std::vector<std::string> lines;
  std::ranges::set_symmetric_difference(lines_of(before), lines_of(after), std::back_inserter(lines));
  std::string text = "differs:\n";
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// The command line program against this lab's instance, from outside its namespaces.
[[nodiscard]] inline CommandOutput command(const GatewayLab& lab, const std::string& arguments) {
  return run_command(std::string(TWINPATH_PROGRAM) + " -n " + lab.name() + " " + arguments);
}

}  // namespace twinpath::test
