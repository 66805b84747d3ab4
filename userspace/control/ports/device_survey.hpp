// device_survey.hpp - finds the device that has a port's name, and checks whatever can be checked without a change to
// the host: it exists, its kind, MTU and queues fit, and its XDP hook is free or held by the link that is pinned for it.
//
// Thread   any. Opens its own sockets to Linux.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "control/ports/device.hpp"
#include "control/ports/device_fit.hpp"

namespace twinpath {

using Links = std::map<std::uint32_t, netlink::Link>;  // all devices of a network namespace, by ifindex

// What a device has to fit besides its port's configuration.
struct DeviceLimits {
  std::uint32_t frame_bytes = 0;  // engine.frame_bytes
  std::string pins;               // of the gateway
};

// The longest IP packet that a frame of the engine can hold.
[[nodiscard]] std::uint32_t mtu_max(std::uint32_t frame_bytes);

// By its name or an alternative name; nullptr: there is none.
[[nodiscard]] const netlink::Link* find_link(const Links& links, const std::string& name);

// The device, not opened yet, and without a number.
[[nodiscard]] Result<Device> survey_device(const PortConfig& wanted, const DeviceLimits& limits, const Links& links);

// Of `queues` receive queues.
[[nodiscard]] std::uint32_t queues_served(const PortConfig& wanted, std::uint32_t queues);

// What is wrong with a device as Linux has it now, a line each: shown while the port is open.
[[nodiscard]] std::vector<std::string> find_conflicts(const Device& device, const DeviceJudge& judge,
                                                      std::uint32_t frame_bytes);

}  // namespace twinpath
