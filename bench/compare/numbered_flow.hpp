// numbered_flow.hpp - the flows that pktgen sends in a comparison, by number. traffic.py passes the same ranges to pktgen
// (FLOWS); a program that inserts entries before a measurement inserts them for these flows.
#pragma once

#include <arpa/inet.h>

#include <array>
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

// UDP over IPv6. Network order.
struct NumberedFlow6 {
  std::array<std::uint32_t, 4> source{};
  std::array<std::uint32_t, 4> destination{};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

// The same ports; from address 2001:db8:1::1 + n / 64512, to 2001:db8:2::1.
inline NumberedFlow6 numbered_flow6(std::uint32_t number) {
  constexpr std::uint32_t kDocumentation = 0x20010db8;  // 2001:db8::/32
  const NumberedFlow ports = numbered_flow(number);
  return {{htonl(kDocumentation), htonl(0x00010000), 0, htonl(1 + number / kPortsPerAddress)},
          {htonl(kDocumentation), htonl(0x00020000), 0, htonl(1)},
          ports.source_port,
          ports.destination_port};
}

}  // namespace twinpath::bench
