// port.hpp - a port of the running gateway: its configuration, its link, and what opening it resulted in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "afxdp/driver.hpp"
#include "config/config.hpp"
#include "kernel/xdp_hook.hpp"
#include "netlink/state.hpp"

namespace twinpath {

struct PortSocket {
  std::uint16_t queue = 0;
  afxdp::SocketReport report;
};

struct Port {
  std::uint16_t number = 0;
  PortConfig config;
  netlink::Link link;
  std::uint32_t queue_count = 0;
  AttachMode attach = AttachMode::native;
  std::vector<PortSocket> sockets;
  bool takes_redirects = true;
  bool has_peer = false;
  bool peer_reached = false;
  std::vector<std::string> problems;

  [[nodiscard]] std::uint32_t sockets_wanted() const { return config.queues != 0 ? config.queues : queue_count; }
};

}  // namespace twinpath
