// port.hpp - a port of the running gateway: its configuration, and the device that carries its frames.
#pragma once

#include <cstdint>
#include <vector>

#include "config/config.hpp"
#include "control/ports/device.hpp"
#include "control/ports/device_survey.hpp"

namespace twinpath {

struct Port {
  std::uint16_t number = 0;
  PortConfig config;
  // Further ones: the configuration's, then those of macvlans on the device. The first DP_PORT_MACS_MAX are in force.
  std::vector<MacAddress> macs;
  Device device;  // its own: a port is the only one on its device, as long as VLAN devices are refused

  // Queues that are served: every one, or as many as are configured, but no more than can have a socket.
  [[nodiscard]] std::uint32_t sockets_wanted() const { return queues_served(config, device.queue_count); }
};

}  // namespace twinpath
