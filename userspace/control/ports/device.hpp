// device.hpp - a device of the running gateway: its link in Linux, and what opening it resulted in.
//
// Absence  A port whose device is gone keeps the number, and has a link with ifindex 0 and no sockets, until a device of
//          that name appears (device_keeper.hpp).
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
  std::uint32_t queue_count = 0;  // receive queues in use
  SocketRange range;              // in the map `sockets`; empty until it is opened
  AttachMode attach = AttachMode::native;
  std::vector<DeviceSocket> sockets;
  bool takes_redirects = true;
  bool has_peer = false;
  bool peer_reached = false;
  std::string absence;                 // why the port has no device now; empty: it has
  std::vector<std::string> problems;   // of opening it
  std::vector<std::string> conflicts;  // with what Linux has joined to it or set on it, followed at run time

  [[nodiscard]] bool present() const { return absence.empty(); }
  [[nodiscard]] std::vector<std::string> all_problems() const;
};

}  // namespace twinpath
