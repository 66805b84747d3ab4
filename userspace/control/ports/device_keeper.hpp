// device_keeper.hpp - keeps every port on the Linux device that has its name.
//
// Gone     The port's device is closed: its XDP, sockets and table entries, and what the journal has of it. The port
//          stays, and says why it forwards nothing.
// Back     A device of that name is surveyed and opened, at once when Linux announces it; after a failure again when its
//          link changes, and once a second. It may be the same device (moved to another namespace and back), or another
//          one with the same number.
// Audit    Once a second devices are looked at, a bounded number: one whose XDP was taken off by somebody, or that left
//          unseen (announcements of Linux were lost), is opened anew.
// Queues   When a device has another number of queues, its sockets are opened anew. The kernel announces that; the audit
//          finds what it did not.
// Renamed  A port is its device's name: a device that is renamed leaves its port.
// Thread   the control thread's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "control/follow/follower.hpp"
#include "control/ports/port_changer.hpp"
#include "control/ports/port_set.hpp"
#include "netlink/channel_watch.hpp"

namespace twinpath {

class DeviceKeeper {
 public:
  struct Parts {
    boost::asio::io_context& io;
    Tables& tables;
    XdpHook& hook;
    PortSet& ports;
    PortChanger& changer;
    Follower& follower;
    const TableImage& image;  // in force
    std::string pins;
  };
  // `complain` gets one line when a port loses its device, and when it has one again or cannot have it.
  DeviceKeeper(const Parts& parts, std::function<void(const std::string&)> complain);

  ~DeviceKeeper() { stop(); }
  DeviceKeeper(const DeviceKeeper&) = delete;
  DeviceKeeper& operator=(const DeviceKeeper&) = delete;

  // Follows Linux from now on, and audits.
  void begin();
  void stop();

 private:
  void reconcile(const std::set<std::uint32_t>& gone);
  void lose_devices(const std::set<std::uint32_t>& gone);
  // True when a port has a device now that had none. `retry`: also those that were refused as they are now.
  bool gain_devices(bool retry);
  void lose(const Port& port, const std::string& absence);
  bool gain(Port port, const netlink::Link& link);
  void absent(const Port& port, const std::string& absence);
  [[nodiscard]] bool intact(const Device& device, const std::string& name) const;
  // True when the device has another number of queues than its port has served.
  bool recount(const Port& port);
  void on_channels();
  void wait_for_channels();
  void audit();
  void schedule();

  Parts parts_;
  std::function<void(const std::string&)> complain_;
  boost::asio::steady_timer timer_;
  std::optional<netlink::ChannelWatch> channels_;  // absent: this kernel does not tell
  std::optional<boost::asio::posix::stream_descriptor> channel_events_;
  std::map<std::uint16_t, netlink::Link> refused_;  // by port: the device that could not be opened, as it was then
  std::size_t audited_ = 0;                         // index of the port that is looked at next
};

}  // namespace twinpath
