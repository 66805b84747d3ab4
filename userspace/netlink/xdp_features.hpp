// xdp_features.hpp - what XDP a device can do, and the news when that changes.
//
// Source     generic netlink family "netdev", include/uapi/linux/netdev.h, Linux 6.3. Before that: unknown.
// Changes    a veth takes redirects (ndo_xmit) only while its PEER has NAPI: an XDP program or GRO there. So the answer
//            changes when somebody reconfigures the peer, in whatever namespace it is.
// Namespace  that of the opening thread. Thread: one at a time. Privilege: none.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netlink/socket.hpp"

namespace twinpath::netlink {

// enum netdev_xdp_act.
enum XdpFeature : std::uint64_t {
  kXdpBasic = 1 << 0,
  kXdpRedirect = 1 << 1,  // a program on it may redirect away
  kXdpNdoXmit = 1 << 2,   // it takes what others redirect to it
  kXdpXskZerocopy = 1 << 3,
  kXdpHwOffload = 1 << 4,
  kXdpRxSg = 1 << 5,  // programs may see frames in several pieces
  kXdpNdoXmitSg = 1 << 6,
};

struct XdpFeatures {
  std::uint32_t ifindex = 0;
  std::uint64_t flags = 0;  // XdpFeature, or-ed

  [[nodiscard]] bool takes_redirects() const { return (flags & kXdpNdoXmit) != 0; }
};

class XdpFeatureWatch {
 public:
  // Error EOPNOTSUPP: this kernel does not tell.
  [[nodiscard]] static Result<XdpFeatureWatch> open();

  // Readable when a device came, went or changed.
  [[nodiscard]] int fd() const { return news_.fd(); }
  // Devices that came or changed, with their features now, and those that went, with none. Never blocks. After an
  // overflow: every device there is.
  [[nodiscard]] Result<std::vector<XdpFeatures>> process();

  // Error ENODEV: no such device.
  [[nodiscard]] Result<XdpFeatures> query(std::uint32_t ifindex);
  [[nodiscard]] Result<std::vector<XdpFeatures>> query_all();

 private:
  XdpFeatureWatch(Socket news, Socket questions, std::uint16_t family)
      : news_(std::move(news)), questions_(std::move(questions)), family_(family) {}

  Socket news_;
  Socket questions_;
  std::uint16_t family_;
};

// One question. nullopt: this kernel does not tell (before 6.3).
[[nodiscard]] Result<std::optional<XdpFeatures>> query_xdp_features(std::uint32_t ifindex);

}  // namespace twinpath::netlink
