// port_opener.hpp - takes one device onto the gateway, and off it again.
//
// Order    open(): sockets, offloads, tables, XDP last, so that the first packet XDP sees finds everything in place.
//          close(): XDP first, then what it used. What was changed in offloads is undone by the caller, from the journal.
// Undo     an open() that fails leaves what it did: of a start that fails, everything is undone together; a reload calls
//          close().
// Thread   the control thread's; sockets are opened and closed by commands to the engine.
#pragma once

#include <functional>
#include <vector>

#include "control/ports/port.hpp"
#include "engine/engine.hpp"
#include "netlink/offloads.hpp"

namespace twinpath {

// What packets of a port are judged by: the part of a dp_port that the configuration decides.
struct PortTrust {
  std::uint8_t zone = 0;
  std::uint8_t source_check = DP_SOURCE_CHECK_OFF;
};

// Of no zone: nothing is forwarded from the port or to it, but the host's own traffic goes on. For ports that are changed,
// so that no packet of theirs is judged by the old zone under the new rules, or the other way round.
inline constexpr PortTrust kNoZone{};

// One write: a packet sees both as they were, or both as they are.
void set_trust(Tables& tables, std::uint16_t number, const PortTrust& trust);
[[nodiscard]] std::uint16_t port_flags(const Port& port);

class PortOpener {
 public:
  // Engine::call(), with whatever the caller does beside it.
  using AskEngine = std::function<EngineReply(const EngineCommand&)>;
  // Called with what was changed on a device, before XDP is attached to it: the journal must know first.
  using NoteOffloads = std::function<Status(const std::vector<netlink::OffloadChange>&)>;

  PortOpener(Tables& tables, XdpHook& hook, AskEngine ask, NoteOffloads note_offloads);

  [[nodiscard]] Status open(Port& port, const PortTrust& trust);
  // The two halves of open(), for a start: all ports are prepared before the first is attached, so that its packets find
  // every other port in the tables.
  [[nodiscard]] Status prepare(Port& port, const PortTrust& trust);
  [[nodiscard]] Status attach(Port& port);
  void close(const Port& port);
  // Attaching, and GRO at both ends, decide whether a veth takes redirects: so this is asked when all are attached.
  void ask_redirects(Port& port);

 private:
  [[nodiscard]] Status open_sockets(Port& port);
  [[nodiscard]] Result<afxdp::SocketReport> open_socket(const Port& port, std::uint16_t queue);
  [[nodiscard]] Status fix_offloads(Port& port);
  [[nodiscard]] Status write_tables(const Port& port, const PortTrust& trust);

  Tables& tables_;
  XdpHook& hook_;
  AskEngine ask_;
  NoteOffloads note_offloads_;
};

}  // namespace twinpath
