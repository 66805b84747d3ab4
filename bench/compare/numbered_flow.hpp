// numbered_flow.hpp - the flows that pktgen sends in a comparison, by number: traffic.py gives it these ranges as FLOWS,
// and who makes entries beforehand must make them for the same flows.
#pragma once

#include <arpa/inet.h>

#include <cstdint>

namespace twinpath::bench {

inline constexpr std::uint32_t kNumberedFlowsMost = 4'194'304;
inline constexpr std::uint32_t kPortsPerAddress = 64512;
inline constexpr std::uint16_t kFirstPort = 1024;
inline constexpr std::uint16_t kLastPort = 65535;

// UDP over IPv4. Network order.
struct NumberedFlow {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

// Number n comes from address 198.18.0.1 + n / 64512, port 1024 + n % 64512, and goes to 198.19.0.1, port 9.
inline NumberedFlow numbered_flow(std::uint32_t number) {
  constexpr std::uint32_t kFirstSource = 0xc6120001;
  constexpr std::uint32_t kDestination = 0xc6130001;
  constexpr std::uint16_t kDestinationPort = 9;
  return {htonl(kFirstSource + number / kPortsPerAddress), htonl(kDestination),
          htons(static_cast<std::uint16_t>(kFirstPort + number % kPortsPerAddress)), htons(kDestinationPort)};
}

}  // namespace twinpath::bench
