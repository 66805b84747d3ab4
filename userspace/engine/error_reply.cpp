#include "engine/error_reply.hpp"

#include <algorithm>
#include <cstring>

#include "common/decide/martian.h"
#include "common/edit/checksum.h"
#include "common/wire/ethernet.h"
#include "common/wire/icmp.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"

namespace twinpath {
namespace {

constexpr std::uint8_t kHopLimit = 64;
// RFC 1812 4.3.2.3: as much of the packet as fits in 576 bytes; RFC 4443 2.4 (c): in 1280.
constexpr std::uint32_t kErrorBytesMax4 = 576;
constexpr std::uint32_t kErrorBytesMax6 = 1280;

std::uint32_t ip_bytes(std::uint8_t family) noexcept {
  if (family == DP_FAMILY_V4) return DP_IPV4_BYTES;
  return DP_IPV6_BYTES;
}

struct TypeAndCode {
  std::uint8_t type;
  std::uint8_t code;
};

TypeAndCode code_of(ErrorReplyKind kind, std::uint8_t family) noexcept {
  const bool v4 = family == DP_FAMILY_V4;
  switch (kind) {
    case ErrorReplyKind::time_exceeded: return v4 ? TypeAndCode{11, 0} : TypeAndCode{3, 0};
    case ErrorReplyKind::too_big: return v4 ? TypeAndCode{3, 4} : TypeAndCode{2, 0};
    case ErrorReplyKind::no_route: return v4 ? TypeAndCode{3, 0} : TypeAndCode{1, 0};
    case ErrorReplyKind::host_unreachable: return v4 ? TypeAndCode{3, 1} : TypeAndCode{1, 3};
    default: return v4 ? TypeAndCode{3, 13} : TypeAndCode{1, 1};
  }
}

// Writes into `out` from front to back and remembers whether all of it fitted.
class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> out) noexcept : out_(out) {}
  template <class T>
  void put(const T& value) noexcept {
    append({reinterpret_cast<const std::uint8_t*>(&value), sizeof(T)});
  }
  void append(std::span<const std::uint8_t> bytes) noexcept {
    if (used_ + bytes.size() > out_.size()) {
      overflow_ = true;
      return;
    }
    std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  [[nodiscard]] std::uint32_t used() const noexcept { return overflow_ ? 0 : static_cast<std::uint32_t>(used_); }

 private:
  std::span<std::uint8_t> out_;
  std::size_t used_ = 0;
  bool overflow_ = false;
};

// The received packet's Ethernet header with its tags, MAC addresses swapped.
void put_link(Writer& writer, std::span<const std::uint8_t> frame, const dp_packet& packet) noexcept {
  writer.append(frame.subspan(6, 6));
  writer.append(frame.subspan(0, 6));
  writer.append(frame.subspan(12, packet.l3_offset - 12U));
}

void put_ip(Writer& writer, const dp_packet& packet, const dp_address& from, std::uint8_t protocol,
            std::uint32_t payload_bytes) noexcept {
  if (packet.family == DP_FAMILY_V4) {
    dp_ipv4 ip{};
    ip.version_ihl = DP_IPV4_PLAIN;
    ip.service = 0xc0;  // internetwork control, RFC 1812 4.3.2.5
    ip.total_length = dp_htons(static_cast<std::uint16_t>(DP_IPV4_BYTES + payload_bytes));
    ip.ttl = kHopLimit;
    ip.protocol = protocol;
    ip.source = from.word[0];
    ip.destination = packet.source.word[0];
    __u64 sum = 0;
    const auto* front = reinterpret_cast<const std::uint8_t*>(&ip);
    (void)dp_checksum_range(front, front + sizeof(ip), sizeof(ip), &sum);
    ip.checksum = static_cast<std::uint16_t>(~dp_checksum_fold(sum));
    writer.put(ip);
    return;
  }
  dp_ipv6 ip{};
  ip.version_class_flow = dp_htonl(0x60000000);
  ip.payload_length = dp_htons(static_cast<std::uint16_t>(payload_bytes));
  ip.next_header = protocol;
  ip.hop_limit = kHopLimit;
  ip.source = from;
  ip.destination = packet.source;
  writer.put(ip);
}

// Computes the transport checksum of the reply that was written.
void fill_checksum(std::span<std::uint8_t> out, std::uint32_t used, const dp_packet& received, const dp_address& from,
                   std::uint8_t protocol) noexcept {
  dp_packet facts{};
  facts.family = received.family;
  facts.protocol = protocol;
  facts.source = from;
  facts.destination = received.source;
  facts.l3_offset = received.l3_offset;
  const std::uint32_t header = ip_bytes(received.family);
  facts.l4_offset = static_cast<std::uint16_t>(received.l3_offset + header);
  facts.l3_bytes = static_cast<std::uint16_t>(used - received.l3_offset);
  dp_checksum_l4(out.data(), out.data() + used, &facts);
}

std::uint32_t write_error(ErrorReplyKind kind, std::span<const std::uint8_t> frame, const dp_packet& packet,
                          const dp_address& from, std::uint16_t mtu, std::span<std::uint8_t> out) noexcept {
  const bool v4 = packet.family == DP_FAMILY_V4;
  const std::uint32_t headers = ip_bytes(packet.family) + DP_ICMP_BYTES;
  const std::uint32_t room = (v4 ? kErrorBytesMax4 : kErrorBytesMax6) - headers;
  const std::uint32_t quoted = std::min<std::uint32_t>(packet.l3_bytes, room);
  const std::uint8_t protocol = v4 ? DP_PROTOCOL_ICMP : DP_PROTOCOL_ICMPV6;
  const TypeAndCode code = code_of(kind, packet.family);
  // type, code, checksum; then 32 bits: zero, the MTU in the lower half (RFC 1191), or the MTU (RFC 4443)
  std::uint8_t icmp[DP_ICMP_BYTES] = {code.type, code.code};
  const std::uint16_t mtu_field = dp_htons(kind == ErrorReplyKind::too_big ? mtu : 0);
  std::memcpy(icmp + 6, &mtu_field, sizeof(mtu_field));
  Writer writer(out);
  put_link(writer, frame, packet);
  put_ip(writer, packet, from, protocol, DP_ICMP_BYTES + quoted);
  writer.put(icmp);
  writer.append(frame.subspan(packet.l3_offset, quoted));
  if (writer.used() != 0) fill_checksum(out, writer.used(), packet, from, protocol);
  return writer.used();
}

std::uint32_t write_reset(std::span<const std::uint8_t> frame, const dp_packet& packet,
                          std::span<std::uint8_t> out) noexcept {
  dp_tcp reset{};
  reset.source_port = packet.destination_port;
  reset.destination_port = packet.source_port;
  reset.data_offset = DP_TCP_BYTES / 4 << 4;
  if ((packet.tcp_flags & DP_TCP_ACK) != 0) {
    reset.sequence = packet.tcp_acknowledgement;
    reset.flags = DP_TCP_RST;
  } else {
    dp_tcp received;
    std::memcpy(&received, frame.data() + packet.l4_offset, sizeof(received));
    const std::uint32_t header = (received.data_offset >> 4) * 4U;
    std::uint32_t sequence_bytes = packet.l3_bytes - (packet.l4_offset - packet.l3_offset) - header;
    sequence_bytes += (packet.tcp_flags & DP_TCP_SYN) != 0 ? 1 : 0;
    sequence_bytes += (packet.tcp_flags & DP_TCP_FIN) != 0 ? 1 : 0;
    reset.acknowledgement = dp_htonl(dp_ntohl(packet.tcp_sequence) + sequence_bytes);
    reset.flags = DP_TCP_RST | DP_TCP_ACK;
  }
  Writer writer(out);
  put_link(writer, frame, packet);
  put_ip(writer, packet, packet.destination, DP_PROTOCOL_TCP, sizeof(reset));
  writer.put(reset);
  if (writer.used() != 0) fill_checksum(out, writer.used(), packet, packet.destination, DP_PROTOCOL_TCP);
  return writer.used();
}

}  // namespace

bool may_reply(const dp_packet& packet, ErrorReplyKind kind) noexcept {
  if ((packet.flags & DP_PACKET_TO_US) == 0 || (packet.flags & DP_PACKET_ICMP_ERROR) != 0) return false;
  if ((packet.flags & DP_PACKET_FRAGMENT) != 0 && (packet.flags & DP_PACKET_FIRST_FRAGMENT) == 0) return false;
  if (dp_martian_source(packet.family, &packet.source) || dp_address_link_local(packet.family, &packet.source))
    return false;
  if (packet.family == DP_FAMILY_V4 && dp_ntohl(packet.source.word[0]) >> 28 == 0xf) return false;  // class E
  if (dp_address_group(packet.family, &packet.destination)) return false;
  return kind != ErrorReplyKind::reset || (packet.tcp_flags & DP_TCP_RST) == 0;
}

bool may_reply_to(std::span<const std::uint8_t> frame, std::span<const MacAddress> own) noexcept {
  MacAddress station{};
  if (frame.size() < DP_ETHERNET_BYTES) return false;
  std::copy_n(frame.begin() + 6, station.size(), station.begin());
  return !dp_mac_is_group(station.data()) && station != MacAddress{} && std::ranges::find(own, station) == own.end();
}

bool transport_checksum_right(std::span<const std::uint8_t> frame, const dp_packet& packet) noexcept {
  const bool icmp = packet.family == DP_FAMILY_V4 && packet.protocol == DP_PROTOCOL_ICMP;
  const bool known = icmp || packet.protocol == DP_PROTOCOL_TCP || packet.protocol == DP_PROTOCOL_UDP ||
                     (packet.family == DP_FAMILY_V6 && packet.protocol == DP_PROTOCOL_ICMPV6);
  if (!known || (packet.flags & DP_PACKET_FRAGMENT) != 0 || packet.l4_offset == 0) return true;
  const std::uint32_t bytes = packet.l3_bytes - (packet.l4_offset - packet.l3_offset);
  if (packet.l4_offset + std::size_t{bytes} > frame.size()) return true;
  const std::uint8_t* l4 = frame.data() + packet.l4_offset;
  std::uint32_t summed = bytes;
  if (packet.protocol == DP_PROTOCOL_UDP) {
    dp_udp udp;
    std::memcpy(&udp, l4, sizeof(udp));
    if (udp.checksum == 0) return packet.family == DP_FAMILY_V4;  // RFC 8200 section 8.1
    summed = dp_ntohs(udp.length);
  }
  __u64 sum = icmp ? 0 : dp_checksum_pseudo(&packet, summed);
  (void)dp_checksum_range(l4, l4 + summed, summed, &sum);
  return dp_checksum_fold(sum) == 0xffff;
}

std::uint32_t write_error_reply(ErrorReplyKind kind, std::span<const std::uint8_t> frame, const dp_packet& packet,
                                const PortAddresses& addresses, std::uint16_t mtu,
                                std::span<std::uint8_t> out) noexcept {
  if (kind == ErrorReplyKind::reset) return write_reset(frame, packet, out);
  const auto& from = packet.family == DP_FAMILY_V4 ? addresses.v4 : addresses.v6;
  return from ? write_error(kind, frame, packet, *from, mtu, out) : 0;
}

}  // namespace twinpath
