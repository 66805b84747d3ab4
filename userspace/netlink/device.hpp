// device.hpp - facts about one network device, asked for once: identity, queues, XDP features, the other end of a veth.
//
// Namespace  that of the calling thread. Each call opens and closes its own sockets: for start and `doctor`, not for
//            every second. Privilege: none, except for peers (netns.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "netlink/netns.hpp"
#include "netlink/state.hpp"

namespace twinpath::netlink {

// Error ENODEV: there is none.
[[nodiscard]] Result<Link> find_device(const std::string& name);
[[nodiscard]] Result<Link> find_device(std::uint32_t ifindex);
// All devices, by ifindex.
[[nodiscard]] Result<std::map<std::uint32_t, Link>> list_devices();

// Receive queues in use: what AF_XDP sockets can be bound to. From ethtool's channels, where the driver has none (tap)
// from the number of allocated queues.
[[nodiscard]] Result<std::uint32_t> count_rx_queues(const Link& link);

// The other end of a veth.
struct VethPeer {
  std::string name;  // in its namespace
  std::uint32_t ifindex = 0;
  NetnsInode netns = 0;
};
// Empty when `link` is no veth or its peer's namespace cannot be reached.
[[nodiscard]] Result<std::optional<VethPeer>> find_peer(const Link& link);

}  // namespace twinpath::netlink
