// situations.hpp - named packets in named tables, and what becomes of each in the kernel and in the engine.
//
// Source of the expectations: the design's life of a flow and its border to the host; RFC 1812, 3704, 4861, 9293.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "harness/gateway_tables.hpp"

namespace twinpath::test {

struct Situation {
  const char* name;
  std::function<void(GatewayTables&)> tables;  // what is set up before the packet
  std::uint16_t ingress;
  Packet packet;
  int kernel;  // the reason, enum dp_reason or dp_steer
  int engine;
};

[[nodiscard]] const std::vector<Situation>& situations();

// Every zone may send to the host.
void host_open(GatewayTables& tables);

// Ethernet header of a frame that comes in by the port of the WAN.
inline Eth on_wan() { return Eth{.dst = kWanMac}; }

}  // namespace twinpath::test
