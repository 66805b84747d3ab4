// device.hpp - a device of the running gateway: its link in Linux, and what opening it resulted in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "afxdp/driver.hpp"
#include "control/ports/socket_ranges.hpp"
#include "kernel/xdp_hook.hpp"
#include "netlink/state.hpp"

namespace twinpath {

struct DeviceSocket {
  std::uint16_t queue = 0;
  afxdp::SocketReport report;
};

struct Device {
  std::uint16_t number = 0;  // in the tables and in the driver; stays with the device's name
  netlink::Link link;
  std::uint32_t queue_count = 0;  // that it has, and that can have a socket
  SocketRange range;              // in the map `sockets`; empty until it is opened
  AttachMode attach = AttachMode::native;
  std::vector<DeviceSocket> sockets;
  bool takes_redirects = true;
  bool has_peer = false;
  bool peer_reached = false;
  std::vector<std::string> problems;
};

}  // namespace twinpath
