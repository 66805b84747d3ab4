// twin_parse.hpp - a slow, obvious parser, written from the RFCs to be held against common/parse/parse.h.
//
// It shares no code with common/: only the names of reasons and flags, which are the contract. It reads single bytes of
// a vector, checks each one's index, and keeps what it found in host order in its own struct.
// Order of objections: from the outside in; inside a header lengths, checksum, content; addresses last.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/model/packet.h"
#include "common/model/verdict.h"

namespace twinpath::test {

struct TwinFacts {
  dp_reason reason = DP_NONE;
  std::vector<std::uint8_t> source, destination;  // 4 or 16 bytes; empty when not IP
  unsigned source_port = 0, destination_port = 0;
  unsigned family = 0, protocol = 0, ttl = 0, flags = 0;
  unsigned ether_type = 0, vlan = 0, inner_vlan = 0, tags = 0;
  unsigned l3_offset = 0, l4_offset = 0, l3_bytes = 0;
  unsigned tcp_flags = 0, icmp_type = 0, icmp_code = 0;
  unsigned tcp_data_bytes = 0;
  std::uint32_t tcp_sequence = 0, tcp_acknowledgement = 0;
};

class TwinParser {
 public:
  TwinParser(std::vector<std::uint8_t> frame, std::vector<std::uint8_t> mac)
      : frame_(std::move(frame)), mac_(std::move(mac)) {}

  TwinFacts parse() {
    facts_.reason = link();
    if (facts_.reason == DP_NONE && same_addresses()) facts_.reason = DP_LAND;
    return facts_;
  }

 private:
  std::size_t size() const { return frame_.size(); }
  unsigned u8(std::size_t at) const { return frame_.at(at); }
  unsigned u16(std::size_t at) const { return u8(at) * 256 + u8(at + 1); }
  std::uint32_t u32(std::size_t at) const { return u16(at) * 65536u + u16(at + 2); }
  std::vector<std::uint8_t> slice(std::size_t at, std::size_t count) const {
    return {frame_.begin() + static_cast<long>(at), frame_.begin() + static_cast<long>(at + count)};
  }

  bool same_addresses() const {
    bool zero = true;
    for (std::uint8_t octet : facts_.source) zero = zero && octet == 0;
    return !zero && facts_.source == facts_.destination;
  }

  static bool is_tag(unsigned type) { return type == 0x8100 || type == 0x88a8; }

  // IEEE 802.3, 802.1Q. Two tags are read, a third one belongs to nobody.
  dp_reason link() {
    if (size() < 14) return DP_SHORT_ETHERNET;
    if (slice(0, 6) == mac_)
      facts_.flags |= DP_PACKET_TO_US;
    else if (u8(0) % 2 == 1)
      facts_.flags |= DP_PACKET_LINK_GROUP;
    std::size_t at = 12;
    facts_.ether_type = u16(at);
    while (is_tag(facts_.ether_type)) {
      if (facts_.tags == 2) return DP_UNKNOWN_VLAN;
      if (size() < at + 6) return DP_SHORT_ETHERNET;
      const unsigned id = u16(at + 2) % 4096;
      if (id != 0) (facts_.vlan == 0 ? facts_.vlan : facts_.inner_vlan) = id;  // 0 is a priority alone
      facts_.tags++;
      at += 4;
      facts_.ether_type = u16(at);
    }
    facts_.l3_offset = static_cast<unsigned>(at + 2);
    if (facts_.ether_type == 0x0800) return ipv4();
    if (facts_.ether_type == 0x86dd) return ipv6();
    return DP_NONE;
  }

  // RFC 791.
  dp_reason ipv4() {
    const std::size_t ip = facts_.l3_offset;
    if (size() < ip + 20) return DP_SHORT_L3;
    if (u8(ip) / 16 != 4) return DP_BAD_VERSION;
    const unsigned header = u8(ip) % 16 * 4;
    if (header < 20) return DP_BAD_HEADER_LENGTH;
    if (size() < ip + header) return DP_SHORT_L3;
    const unsigned total = u16(ip + 2);
    if (total < header || ip + total > size()) return DP_BAD_TOTAL_LENGTH;
    facts_.family = 4;
    facts_.flags |= DP_PACKET_IP;
    facts_.source = slice(ip + 12, 4);
    facts_.destination = slice(ip + 16, 4);
    facts_.ttl = u8(ip + 8);
    facts_.protocol = u8(ip + 9);
    facts_.l3_bytes = total;
    if (u8(ip + 6) & 0x40) facts_.flags |= DP_PACKET_DONT_FRAGMENT;
    if (!header_sum_right(ip, header)) return DP_BAD_HEADER_CHECKSUM;
    if (!options_right(ip + 20, ip + header)) return DP_BAD_HEADER_LENGTH;
    const bool more = u8(ip + 6) & 0x20;
    const unsigned offset = u16(ip + 6) % 0x2000 * 8;
    if (more || offset > 0) {
      if (dp_reason reason = fragment(offset, more, total - header, offset + total)) return reason;
      if (offset > 0) return DP_NONE;
    }
    return transport(ip + header);
  }

  bool header_sum_right(std::size_t ip, unsigned header) const {
    unsigned sum = 0;
    for (unsigned i = 0; i < header; i += 2) {
      sum += u16(ip + i);
      if (sum > 0xffff) sum -= 0xffff;
    }
    return sum == 0xffff;
  }

  bool options_right(std::size_t at, std::size_t end) {
    while (at < end && u8(at) != 0) {
      if (u8(at) == 1) {
        at++;
        continue;
      }
      if (at + 1 >= end || u8(at + 1) < 2 || at + u8(at + 1) > end) return false;
      if (u8(at) == 131 || u8(at) == 137) facts_.flags |= DP_PACKET_SOURCE_ROUTE;
      at += u8(at + 1);
    }
    return true;
  }

  // RFC 791, RFC 8200 section 4.5, RFC 1858. `end`: bytes the datagram has at least.
  dp_reason fragment(unsigned offset, bool more, unsigned payload, unsigned end) {
    facts_.flags |= DP_PACKET_FRAGMENT;
    if (offset == 0) facts_.flags |= DP_PACKET_FIRST_FRAGMENT;
    if (end > 65535) return DP_BAD_FRAGMENT;
    if (more && payload % 8 != 0) return DP_BAD_FRAGMENT;
    if (facts_.protocol == 6 && offset == 8) return DP_BAD_FRAGMENT;
    return DP_NONE;
  }

  // RFC 8200.
  dp_reason ipv6() {
    const std::size_t ip = facts_.l3_offset;
    if (size() < ip + 40) return DP_SHORT_L3;
    if (u8(ip) / 16 != 6) return DP_BAD_VERSION;
    const unsigned payload = u16(ip + 4);
    if (ip + 40 + payload > size()) return DP_BAD_TOTAL_LENGTH;
    if (payload == 0 && u8(ip + 6) == 0) return DP_BAD_TOTAL_LENGTH;  // RFC 2675
    facts_.family = 6;
    facts_.flags |= DP_PACKET_IP | DP_PACKET_DONT_FRAGMENT;
    facts_.source = slice(ip + 8, 16);
    facts_.destination = slice(ip + 24, 16);
    facts_.ttl = u8(ip + 7);
    facts_.protocol = u8(ip + 6);
    facts_.l3_bytes = 40 + payload;
    return chain(ip + 40, ip + 40 + payload);
  }

  dp_reason chain(std::size_t at, const std::size_t end) {
    int followed = 0;
    bool seen_fragment = false;
    while (facts_.protocol == 0 || facts_.protocol == 43 || facts_.protocol == 44 || facts_.protocol == 60) {
      const unsigned kind = facts_.protocol;
      if (followed == 6 || (kind == 0 && followed > 0)) return DP_EXTENSION_CHAIN;
      followed++;
      if (at + 8 > end) return first_fragment() ? DP_BAD_FRAGMENT : DP_SHORT_L3;
      facts_.protocol = u8(at);
      if (kind == 44) {
        if (seen_fragment) return DP_EXTENSION_CHAIN;
        seen_fragment = true;
        const unsigned offset = u16(at + 2) / 8 * 8;
        const bool more = u16(at + 2) % 2 == 1;
        at += 8;
        if (offset == 0 && !more) {
          facts_.flags |= DP_PACKET_ATOMIC;
          continue;
        }
        const unsigned repeated = static_cast<unsigned>(at) - 8 - facts_.l3_offset - 40;
        const unsigned payload = static_cast<unsigned>(end - at);
        if (dp_reason reason = fragment(offset, more, payload, repeated + offset + payload)) return reason;
        if (offset > 0) return DP_NONE;
        continue;
      }
      if (kind == 43) facts_.flags |= DP_PACKET_SOURCE_ROUTE;
      const unsigned length = 8 + u8(at + 1) * 8;
      if (at + length > end) return first_fragment() ? DP_BAD_FRAGMENT : DP_BAD_HEADER_LENGTH;
      at += length;
    }
    return transport(at);
  }

  bool first_fragment() const { return facts_.flags & DP_PACKET_FIRST_FRAGMENT; }

  dp_reason transport(std::size_t at) {
    facts_.l4_offset = static_cast<unsigned>(at);
    const std::size_t end = facts_.l3_offset + facts_.l3_bytes;
    if (facts_.protocol == 6) return tcp(at, end);
    if (facts_.protocol == 17) return udp(at, end);
    if (facts_.family == 4 && facts_.protocol == 1) return icmp(at, end, {{8, 0}, {13, 14}}, {3, 4, 5, 11, 12});
    if (facts_.family == 6 && facts_.protocol == 58) {
      std::vector<unsigned> errors;
      for (unsigned type = 0; type < 128; ++type) errors.push_back(type);
      return icmp(at, end, {{128, 129}}, errors);
    }
    return DP_NONE;
  }

  dp_reason cut() const { return first_fragment() ? DP_BAD_FRAGMENT : DP_SHORT_L4; }

  void ports(unsigned source, unsigned destination) {
    facts_.source_port = source;
    facts_.destination_port = destination;
  }

  // RFC 9293.
  dp_reason tcp(std::size_t at, std::size_t end) {
    if (at + 20 > end) return cut();
    const unsigned header = u8(at + 12) / 16 * 4;
    if (header < 20) return DP_BAD_HEADER_LENGTH;
    if (at + header > end) return cut();
    ports(u16(at), u16(at + 2));
    facts_.tcp_sequence = u32(at + 4);
    facts_.tcp_acknowledgement = u32(at + 8);
    facts_.tcp_flags = u8(at + 13);
    facts_.tcp_data_bytes = static_cast<unsigned>(end - at) - header;
    const bool fin = facts_.tcp_flags & 1, syn = facts_.tcp_flags & 2, rst = facts_.tcp_flags & 4;
    const bool ack = facts_.tcp_flags & 16;
    if ((syn && fin) || (syn && rst) || (fin && !ack) || (!syn && !rst && !ack)) return DP_BAD_TCP_FLAGS;
    return zero_port();
  }

  dp_reason zero_port() const {
    return facts_.source_port == 0 || facts_.destination_port == 0 ? DP_BAD_PORT : DP_NONE;
  }

  // RFC 768.
  dp_reason udp(std::size_t at, std::size_t end) {
    if (at + 8 > end) return cut();
    ports(u16(at), u16(at + 2));
    const unsigned length = u16(at + 4);
    if (length < 8) return DP_BAD_UDP_LENGTH;
    if (at + length > end && !first_fragment()) return DP_BAD_UDP_LENGTH;
    return facts_.destination_port == 0 ? DP_BAD_PORT : DP_NONE;
  }

  // RFC 792, RFC 4443; ports as common/model/packet.h has them.
  dp_reason icmp(std::size_t at, std::size_t end, const std::vector<std::pair<unsigned, unsigned>>& exchanges,
                 const std::vector<unsigned>& errors) {
    if (at + 8 > end) return cut();
    facts_.icmp_type = u8(at);
    facts_.icmp_code = u8(at + 1);
    const unsigned id = u16(at + 4);
    for (const auto& [query, answer] : exchanges) {
      if (facts_.icmp_type == query) {
        facts_.flags |= DP_PACKET_ICMP_QUERY;
        ports(id, query * 256 + facts_.icmp_code);
      } else if (facts_.icmp_type == answer) {
        facts_.flags |= DP_PACKET_ICMP_ANSWER;
        ports(query * 256 + facts_.icmp_code, id);
      }
    }
    for (unsigned type : errors)
      if (facts_.icmp_type == type) facts_.flags |= DP_PACKET_ICMP_ERROR;
    return DP_NONE;
  }

  std::vector<std::uint8_t> frame_, mac_;
  TwinFacts facts_;
};

}  // namespace twinpath::test
