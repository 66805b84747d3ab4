// device_opener.hpp - opens a device for its ports, and closes it: AF_XDP sockets, offloads, its entry in tx_devices, XDP.
//
// Order    prepare() · enter() each port's frames · attach(): XDP is last, so that the first packet that it sees finds
//          its port complete. close(): XDP first, then tables and sockets. The caller restores the offloads from the
//          journal.
// Undo     nothing is undone when a step fails. A failed start is undone as a whole; a reload calls close().
// Thread   the control thread's; sockets are opened and closed by commands to the engine.
#pragma once

#include <functional>
#include <vector>

#include "config/config.hpp"
#include "control/ports/device.hpp"
#include "engine/engine.hpp"
#include "kernel/tables.hpp"
#include "netlink/offloads.hpp"

namespace twinpath {

class DeviceOpener {
 public:
  // Engine::call(). Control's also keeps the heartbeat alive.
  using CallEngine = std::function<EngineReply(const EngineCommand&)>;
  // Called with the changes to a device before the first of them is made, so that the journal has them first.
  using NoteOffloads = std::function<Status(const std::vector<netlink::OffloadChange>&)>;

  DeviceOpener(Tables& tables, XdpHook& hook, CallEngine call_engine, NoteOffloads note_offloads);

  // Opens the sockets of `queues` queues, fixes the offloads, and enters the device in tx_devices.
  [[nodiscard]] Status prepare(Device& device, const PortConfig& config, std::uint32_t queues);
  // `port`: what frames without a tag belong to.
  [[nodiscard]] Status enter(const Device& device, std::uint16_t port);
  [[nodiscard]] Status attach(Device& device, const PortConfig& config);
  void close(const Device& device, const PortConfig& config);
  // The device has another number of queues: opens sockets for `queues` of them in place of those that it has, and has
  // the driver put the program on queues that are new. Meanwhile nothing passes by the program.
  [[nodiscard]] Status change_queues(Device& device, const PortConfig& config, std::uint32_t queues);
  // Finds out whether the device accepts redirected frames, and tells the engine. Call it when all devices are attached:
  // a veth accepts them depending on XDP and GRO at both of its ends.
  void query_redirects(Device& device);

 private:
  [[nodiscard]] Status open_sockets(Device& device, const PortConfig& config, std::uint32_t queues);
  void close_sockets(const Device& device);
  [[nodiscard]] Result<afxdp::SocketReport> open_socket(const Device& device, afxdp::SocketWish wish,
                                                        std::uint16_t queue);
  [[nodiscard]] Status fix_offloads(Device& device, const PortConfig& config);
  [[nodiscard]] Status attach_automatic(Device& device, const PortConfig& config);
  [[nodiscard]] Status write_device(const Device& device);

  Tables& tables_;
  XdpHook& hook_;
  CallEngine call_engine_;
  NoteOffloads note_offloads_;
  SocketRanges ranges_;
};

}  // namespace twinpath
