// error_reply.hpp - writes the ICMP error or the TCP reset for a packet that the gateway refuses to forward.
//
// Source   RFC 792, 1122, 1812 (ICMP), RFC 4443 (ICMPv6), RFC 9293 3.10.7 (resets), RFC 1191 and 8201 (too big).
// Shape    the reply is a frame of its own, complete with checksums, from the refused packet's destination MAC to its
//          source MAC. It leaves by the port that the refused packet came in by.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/mac.hpp"
#include "common/model/packet.h"

namespace twinpath {

// Addresses of the gateway, used as source of ICMP errors; absent where it has none of that family.
struct PortAddresses {
  std::optional<dp_address> v4;
  std::optional<dp_address> v6;
};

// Numbers of addresses that paths name (dp_path); 0: none.
inline constexpr std::uint32_t kErrorSourcesMax = 1024;

enum class ErrorReplyKind : std::uint8_t {
  time_exceeded,
  too_big,  // IPv4: fragmentation needed; with the MTU
  no_route,
  host_unreachable,  // Linux could not resolve the neighbour, or an IPv4 route says so
  prohibited,        // by a rule that rejects, other protocols than TCP; by a route or a rule of policy routing
  reset,             // by a rule that rejects; TCP
};

// RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4: no error about an error, a later fragment, a packet to a group address
// or one from a source that names no single host.
[[nodiscard]] bool may_reply(const dp_packet& packet, ErrorReplyKind kind) noexcept;

// The reply goes to the station that the frame says it is from. It may be none: a group, nobody, or the gateway itself,
// whose frame it cannot have been. `own`: MAC addresses of the port the frame came in by.
[[nodiscard]] bool may_reply_to(std::span<const std::uint8_t> frame, std::span<const MacAddress> own) noexcept;

// Is the transport checksum right? Also where there is none to tell: other protocols, parts of a packet, UDP over IPv4
// without one. A rejected packet that nobody would have taken gets no answer (net/netfilter: nf_reject_verify_csum).
[[nodiscard]] bool transport_checksum_right(std::span<const std::uint8_t> frame, const dp_packet& packet) noexcept;

// Writes the reply to the packet in `frame` into `out`. Returns the bytes written; 0 when `out` is too small or the
// gateway has no address of the packet's family on the port.
[[nodiscard]] std::uint32_t write_error_reply(ErrorReplyKind kind, std::span<const std::uint8_t> frame,
                                              const dp_packet& packet, const PortAddresses& addresses,
                                              std::uint16_t mtu, std::span<std::uint8_t> out) noexcept;

}  // namespace twinpath
