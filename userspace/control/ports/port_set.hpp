// port_set.hpp - the gateway's ports: surveyed, opened, attached, and updated from Linux's link state.
//
// Order    survey() changes nothing and checks whatever can be checked without a change; open() follows.
// Thread   the control thread's. Sockets belong to the driver.
// Undo     close() detaches XDP; the caller restores offloads from the journal.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/compile.hpp"
#include "config/config.hpp"
#include "control/follow/next_hop_table.hpp"
#include "control/ports/device_survey.hpp"
#include "control/ports/port.hpp"
#include "control/ports/port_opener.hpp"
#include "netlink/mirror.hpp"

namespace twinpath {

class PortSet {
 public:
  // Looks up every configured device and checks it (device_survey.hpp). `pins`: of this gateway.
  [[nodiscard]] static Result<PortSet> survey(const Config& config, const TableImage& image, const std::string& pins);

  // The same for one device.
  [[nodiscard]] static Result<Port> survey(const PortConfig& wanted, const TableImage& image,
                                           const DeviceLimits& limits);

  [[nodiscard]] Status open(PortOpener& opener, const TableImage& image);
  // After an adoption: detaches XDP from devices that are no ports of this configuration, and clears their table
  // entries.
  void retire_others(Tables& tables, XdpHook& hook);
  // Copies the state of each link from the mirror into the port, its dp_port and its next hops.
  void follow(const netlink::Mirror& mirror, Tables& tables, NextHopTable& hops);
  // Records whether a device accepts redirected frames. True when that changed a port.
  bool set_redirects(std::uint32_t ifindex, bool takes, NextHopTable& hops, Engine& engine);
  void close(XdpHook& hook);

  [[nodiscard]] const std::vector<Port>& ports() const { return ports_; }
  [[nodiscard]] std::span<Port> all() { return ports_; }
  // Sets the ports that a reload leaves; all of them are open.
  void replace(std::vector<Port> ports);
  // The port has another device from now on, or none (device.hpp). Precondition: there is a port of this number.
  void set_device(std::uint16_t number, Device device);
  [[nodiscard]] std::uint32_t frame_bytes() const { return frame_bytes_; }
  // The port whose frames come in by this device of Linux; 0: none.
  [[nodiscard]] std::uint16_t number_of(std::uint32_t ifindex) const;
  // 0: there is no such port.
  [[nodiscard]] std::uint32_t ifindex_of(std::uint16_t number) const;

 private:
  void tell_hops(const Port& port, NextHopTable& hops) const;

  std::uint32_t frame_bytes_ = 0;  // of the engine; 0: not known
  std::vector<Port> ports_;
  std::unordered_map<std::uint32_t, std::uint16_t> numbers_;    // by ifindex
  std::unordered_map<std::uint16_t, std::uint32_t> ifindexes_;  // by number
};

}  // namespace twinpath
