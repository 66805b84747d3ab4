// engine_command.hpp - the commands of the control thread to an engine and its I/O driver, and the replies.
//
// Values   numbers and file descriptors; no pointers and no functions: a ring copies them byte by byte.
// Order    commands are executed in the order in which they were posted, between two bursts. Each gets one reply.
#pragma once

#include <cstdint>
#include <type_traits>

#include "afxdp/sockets.hpp"
#include "engine/error_reply.hpp"

namespace twinpath {

enum class EngineCommandKind : std::uint8_t {
  quiet_point,         // does nothing: after its reply no burst uses what it read from the tables before the command
  neighbours_changed,  // held packets are decided again
  set_addresses,       // what the gateway sends ICMP errors from by port `number`
  set_source,          // the address that routes call source `number`; neither family: none
  forget_rule,         // sets the counters of rule `number` to zero: another rule has the number now
  clear_port,          // sets the counters of port `number` to zero
  forget_port,         // port `number` is gone: held packets that came in by it are dropped
  // about devices
  open_socket,    // one of device `number`; the reply has fd and mode, or EBUSY while a former owner has the queue
  close_sockets,  // all of device `number`
  set_redirects,  // whether device `number` takes XDP redirects
};

struct EngineCommand {
  EngineCommandKind kind = EngineCommandKind::quiet_point;
  bool has_v4 = false, has_v6 = false;  // set_addresses, set_source: which of `v4` and `v6` are set
  bool takes_redirects = false;
  std::uint32_t number = 0;  // of a port, a device, a rule or a source
  std::uint16_t queue = 0;   // open_socket
  std::uint32_t ifindex = 0;
  afxdp::SocketWish wish = afxdp::SocketWish::automatic;
  dp_address v4{};
  dp_address v6{};
  std::uint64_t sequence = 0;  // filled in by Engine::post()
};
static_assert(std::is_trivially_copyable_v<EngineCommand>);

struct EngineReply {
  std::uint64_t sequence = 0;  // of the command
  int status = 0;              // errno; 0: done
  int fd = -1;                 // open_socket: stays the driver's
  afxdp::SocketMode mode = afxdp::SocketMode::copy;
  char text[192] = {};  // what failed; with status 0, why not zero-copy; truncated to the array
};
static_assert(std::is_trivially_copyable_v<EngineReply>);

namespace command {

[[nodiscard]] inline EngineCommand quiet_point() noexcept { return {}; }
[[nodiscard]] inline EngineCommand of(EngineCommandKind kind, std::uint32_t number = 0) noexcept {
  EngineCommand command;
  command.kind = kind;
  command.number = number;
  return command;
}
[[nodiscard]] inline EngineCommand neighbours_changed() noexcept { return of(EngineCommandKind::neighbours_changed); }
[[nodiscard]] inline EngineCommand forget_rule(std::uint32_t rule) noexcept {
  return of(EngineCommandKind::forget_rule, rule);
}
[[nodiscard]] inline EngineCommand clear_port(std::uint16_t port) noexcept {
  return of(EngineCommandKind::clear_port, port);
}
[[nodiscard]] inline EngineCommand forget_port(std::uint16_t port) noexcept {
  return of(EngineCommandKind::forget_port, port);
}
[[nodiscard]] inline EngineCommand close_sockets(std::uint16_t device) noexcept {
  return of(EngineCommandKind::close_sockets, device);
}
[[nodiscard]] inline EngineCommand set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept {
  EngineCommand command = of(EngineCommandKind::set_addresses, port);
  command.has_v4 = addresses.v4.has_value();
  command.has_v6 = addresses.v6.has_value();
  command.v4 = addresses.v4.value_or(dp_address{});
  command.v6 = addresses.v6.value_or(dp_address{});
  return command;
}
[[nodiscard]] inline EngineCommand set_source(std::uint16_t number, const PortAddresses& address) noexcept {
  EngineCommand command = set_addresses(number, address);
  command.kind = EngineCommandKind::set_source;
  return command;
}
[[nodiscard]] inline EngineCommand set_redirects(std::uint16_t device, bool takes) noexcept {
  EngineCommand command = of(EngineCommandKind::set_redirects, device);
  command.takes_redirects = takes;
  return command;
}
[[nodiscard]] inline EngineCommand open_socket(std::uint16_t device, std::uint32_t ifindex, std::uint16_t queue,
                                               afxdp::SocketWish wish) noexcept {
  EngineCommand command = of(EngineCommandKind::open_socket, device);
  command.ifindex = ifindex;
  command.queue = queue;
  command.wish = wish;
  return command;
}

}  // namespace command
}  // namespace twinpath
