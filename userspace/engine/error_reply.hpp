// error_reply.hpp - what the gateway says to a sender whose packet it will not forward: ICMP errors and TCP resets.
//
// Source   RFC 792, 1122, 1812 (ICMP), RFC 4443 (ICMPv6), RFC 9293 3.10.7 (resets), RFC 1191 and 8201 (too big).
// Shape    the answer is written into a frame of its own, complete with checksums, from `packet`'s destination MAC back
//          to its source MAC: it leaves by the port it came in by.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/model/packet.h"

namespace twinpath {

// Addresses the gateway speaks from on a port; absent where it has none of that family.
struct PortAddresses {
  std::optional<dp_address> v4;
  std::optional<dp_address> v6;
};

enum class ErrorReplyKind : std::uint8_t {
  time_exceeded,
  too_big,  // IPv4: fragmentation needed; `mtu` is told
  no_route,
  host_unreachable,  // the neighbour does not answer
  prohibited,        // a rule says reject, not TCP
  reset,             // a rule says reject, TCP
};

// RFC 1122 3.2.2, RFC 4443 2.4: no error about an error, a later fragment, a group or an unusable source.
[[nodiscard]] bool may_reply(const dp_packet& packet, ErrorReplyKind kind) noexcept;

// Writes the answer to the packet in `frame` into `out`; bytes written, 0 when `out` is too small or the gateway has no
// address to speak from.
[[nodiscard]] std::uint32_t write_error_reply(ErrorReplyKind kind, std::span<const std::uint8_t> frame,
                                              const dp_packet& packet, const PortAddresses& addresses,
                                              std::uint16_t mtu, std::span<std::uint8_t> out) noexcept;

}  // namespace twinpath
