// port_opener.hpp - opens one device as a port of the gateway, and closes it.
//
// Order    open(): sockets, offloads, tables, and XDP last, so that the first packet that XDP sees finds its port
//          complete. close(): XDP first, then tables and sockets. The caller restores the offloads from the journal.
// Undo     open() does not undo its steps when one fails. A failed start is undone as a whole; a reload calls close().
// Thread   the control thread's; sockets are opened and closed by commands to the engine.
#pragma once

#include <functional>
#include <vector>

#include "control/ports/port.hpp"
#include "engine/engine.hpp"
#include "netlink/offloads.hpp"

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

class PortOpener {
 public:
  // Engine::call(). Control's also keeps the heartbeat alive.
  using CallEngine = std::function<EngineReply(const EngineCommand&)>;
  // Called with the changes to a device before XDP is attached to it, so that the journal has them first.
  using NoteOffloads = std::function<Status(const std::vector<netlink::OffloadChange>&)>;

  PortOpener(Tables& tables, XdpHook& hook, CallEngine call_engine, NoteOffloads note_offloads);

  [[nodiscard]] Status open(Port& port, const PortTrust& trust);
  // The two halves of open(), for a start: all ports are prepared before the first is attached, so that its packets can
  // be forwarded to every other port.
  [[nodiscard]] Status prepare(Port& port, const PortTrust& trust);
  [[nodiscard]] Status attach(Port& port);
  void close(const Port& port);
  // Finds out whether the device accepts redirected frames, and tells the engine. Call it when all ports are attached:
  // a veth accepts them depending on XDP and GRO at both of its ends.
  void query_redirects(Port& port);

 private:
  [[nodiscard]] Status open_sockets(Port& port);
  [[nodiscard]] Result<afxdp::SocketReport> open_socket(const Port& port, std::uint16_t queue);
  [[nodiscard]] Status fix_offloads(Port& port);
  [[nodiscard]] Status write_tables(const Port& port, const PortTrust& trust);

  Tables& tables_;
  XdpHook& hook_;
  CallEngine call_engine_;
  NoteOffloads note_offloads_;
};

}  // namespace twinpath
