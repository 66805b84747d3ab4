// device_fit.hpp - whether a device of Linux can be a port: its type, and the devices that Linux has joined to it.
//
// Why      A port's program takes every frame before Linux sees it. So a device that is a member of a bridge or a bond
//          would take all frames from it; and a VLAN device on a port gets none of its own.
// Refusal  when the device cannot be a port. When it becomes so at run time, the text is a problem of the port.
// Warnings name what loses its traffic beside the port, each with the cure.
// Thread   pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/state.hpp"

namespace twinpath {

struct DeviceFit {
  std::string refusal;  // empty: it can be a port
  std::vector<std::string> warnings;
};

class DeviceJudge {
 public:
  // All devices of the network namespace, by ifindex; they must outlive this object.
  explicit DeviceJudge(const std::map<std::uint32_t, netlink::Link>& links);

  [[nodiscard]] DeviceFit judge(const netlink::Link& link) const;

 private:
  // Devices of these kinds that receive the frames of `link` by their L2 header.
  [[nodiscard]] std::string names_above(const netlink::Link& link, const std::vector<std::string_view>& kinds) const;
  [[nodiscard]] std::string refuse_master(const netlink::Link& link) const;
  [[nodiscard]] std::string refuse_conduit(const netlink::Link& link) const;

  const std::map<std::uint32_t, netlink::Link>& links_;
  std::multimap<std::uint32_t, const netlink::Link*> above_;  // by the ifindex of the device below
};

}  // namespace twinpath
