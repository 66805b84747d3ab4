#include "bench/pktgen/device_drops.hpp"

#include <fstream>
#include <sstream>

#include "bench/pktgen/netns.hpp"

namespace twinpath::pktgen {
namespace {

// "  name: bytes packets errs drop fifo frame compressed multicast  bytes packets errs drop ...": received, then sent.
std::uint64_t read_drops(const std::string& device) {
  constexpr int kFieldsBefore = 11;
  std::ifstream file{"/proc/thread-self/net/dev"};
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    const auto start = line.find_first_not_of(' ');
    if (colon == std::string::npos || line.substr(start, colon - start) != device) continue;
    std::istringstream fields{line.substr(colon + 1)};
    std::uint64_t value = 0;
    for (int field = 0; field <= kFieldsBefore; ++field) fields >> value;
    return fields ? value : 0;
  }
  return 0;
}

}  // namespace

std::uint64_t device_drops(const std::string& netns, const std::string& device) {
  std::uint64_t drops = 0;
  const Status read = in_netns(netns, [&]() -> Status {
    drops = read_drops(device);
    return {};
  });
  return read ? drops : 0;
}

}  // namespace twinpath::pktgen
