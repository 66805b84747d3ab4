// port_opener.hpp - opens one device as a port of the gateway, and closes it.
//
// Order    open(): the device, Linux's part in it, the port's entry in the tables, and XDP last (device_opener.hpp). close(): the device
//          first.
// Undo     open() does not undo its steps when one fails. A failed start is undone as a whole; a reload calls close().
// Thread   the control thread's.
#pragma once

#include "control/ports/device_opener.hpp"
#include "control/ports/port.hpp"
#include "netlink/router_role.hpp"

namespace twinpath {

// The fields of a dp_port that policy decisions depend on. They come from the configuration.
struct PortTrust {
  std::uint8_t zone = 0;
  std::uint8_t source_check = DP_SOURCE_CHECK_OFF;
};

// A port without a zone forwards nothing in either direction; the host's own traffic over it is not affected. A reload
// uses it so that no packet is decided by the old zone under the new rules, or by the new zone under the old rules.
inline constexpr PortTrust kNoZone{};

// A single store: a datapath reads the old pair or the new pair, never one field of each.
void set_trust(Tables& tables, std::uint16_t number, const PortTrust& trust);
[[nodiscard]] std::uint16_t port_flags(const Port& port);
// Word by word: a datapath that reads meanwhile sees some of the old entries and some of the new ones, all of them right
// for one of the two configurations.
void write_ethertypes(const Port& port, dp_port& out);
void write_macs(const Port& port, dp_port_macs& out);

class PortOpener {
 public:
  using NoteSysctls = std::function<Status(const std::vector<netlink::SysctlChange>& changes)>;

  PortOpener(Tables& tables, XdpHook& hook, DeviceOpener::CallEngine call_engine,
             DeviceOpener::NoteOffloads note_offloads, NoteSysctls note_sysctls)
      : tables_(tables),
        devices_(tables, hook, std::move(call_engine), std::move(note_offloads)),
        note_sysctls_(std::move(note_sysctls)) {}

  [[nodiscard]] Status open(Port& port, const PortTrust& trust);
  // The two halves of open(), for a start: all ports are prepared before the first is attached, so that its packets can
  // be forwarded to every other port.
  [[nodiscard]] Status prepare(Port& port, const PortTrust& trust);
  [[nodiscard]] Status attach(Port& port) { return devices_.attach(port.device, port.config); }
  // Makes Linux a router on the device (netlink/router_role.hpp), also anew when `ra` has changed. What cannot be set goes
  // to the device's problems.
  [[nodiscard]] Status take_router_role(Port& port);
  void close(const Port& port);
  // The port stays, without a device.
  void close_device(const Port& port) { devices_.close(port.device, port.config); }
  [[nodiscard]] Status change_queues(Port& port) {
    return devices_.change_queues(port.device, port.config, port.sockets_wanted());
  }
  // When all ports are attached: device_opener.hpp.
  void query_redirects(Port& port) { devices_.query_redirects(port.device); }

 private:
  void write_port(const Port& port, const PortTrust& trust);

  Tables& tables_;
  DeviceOpener devices_;
  NoteSysctls note_sysctls_;
};

}  // namespace twinpath
