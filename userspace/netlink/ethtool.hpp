// ethtool.hpp - features and queue counts of one device, by the ethtool ioctls (include/uapi/linux/ethtool.h).
//
// Namespace  that of the calling thread. Privilege: reading none, setting CAP_NET_ADMIN.
// Names      the kernel's, as `ethtool -k` prints them for single features: "rx-gro", "tx-checksum-ip-generic", ...
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace twinpath::netlink {

struct Feature {
  bool available = false;  // may be changed on this device
  bool wanted = false;     // what the operator asked for; survives while something else forbids it
  bool active = false;     // what is in force
};
using Features = std::map<std::string, Feature>;

[[nodiscard]] Result<Features> read_features(const std::string& device);

struct FeatureRequest {
  std::string feature;
  bool on = false;
};
// One request for all of them, so that features which depend on each other settle once. A feature this kernel does not
// know is an error (ENOENT); one that the device keeps in its state is not: read again to see.
[[nodiscard]] Status write_features(const std::string& device, const std::vector<FeatureRequest>& requests);

struct Channels {
  std::uint32_t rx = 0;  // queues in use that receive: rx + combined
  std::uint32_t tx = 0;
};
// Error EOPNOTSUPP: the driver has no channels to speak of; Link::rx_queues then tells.
[[nodiscard]] Result<Channels> read_channels(const std::string& device);

}  // namespace twinpath::netlink
