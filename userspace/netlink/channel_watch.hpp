// channel_watch.hpp - the news that a device has another number of queues in use (`ethtool -L`).
//
// Source     generic netlink family "ethtool", group "monitor": ETHTOOL_MSG_CHANNELS_NTF. The kernel sends it however the
//            change was asked for.
// Namespace  that of the opening thread. Thread: one at a time. Privilege: none.
#pragma once

#include <cstdint>
#include <set>

#include "netlink/socket.hpp"

namespace twinpath::netlink {

class ChannelWatch {
 public:
  // Error EOPNOTSUPP: this kernel does not tell (before 5.6).
  [[nodiscard]] static Result<ChannelWatch> open();

  // Readable when a device changed.
  [[nodiscard]] int fd() const { return news_.fd(); }
  // Numbers of the devices that changed. Never blocks. After an overflow some are missing.
  [[nodiscard]] Result<std::set<std::uint32_t>> process();

 private:
  ChannelWatch(Socket news, std::uint16_t family) : news_(std::move(news)), family_(family) {}

  Socket news_;
  std::uint16_t family_;
};

}  // namespace twinpath::netlink
