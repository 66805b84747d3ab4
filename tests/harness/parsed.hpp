// parsed.hpp - runs the shared parser over bytes of a test and holds its facts against those of the slow twin.
//
// The bytes are copied to an allocation of exactly their size, so that a sanitizer sees every byte read too far.
#pragma once

#include <arpa/inet.h>

#include <cstring>
#include <string>
#include <vector>

#include "common/parse/parse.h"
#include "harness/packet.hpp"
#include "harness/twin_parse.hpp"

namespace twinpath::test {

inline const char* reason_name(dp_reason reason) {
  static const char* const names[] = {
#define DP_REASON(enumerator, name, verdict, documentation) name,
#include "common/model/reasons.def"
#undef DP_REASON
  };
  return names[reason];
}

struct Parsed {
  dp_reason reason = DP_NONE;
  bool plain = false;
  dp_packet packet{};
};

// `packet` starts full of ones: a field that parsing forgets shows.
inline Parsed parse(const Bytes& frame, const Mac& mac = kGatewayMac) {
  Parsed parsed;
  std::memset(&parsed.packet, 0xff, sizeof parsed.packet);
  parsed.reason = dp_parse(frame.data(), frame.data() + frame.size(), static_cast<__u32>(frame.size()),
                           mac.octets.data(), &parsed.packet);
  return parsed;
}

inline Parsed parse_plain(const Bytes& frame, const Mac& mac = kGatewayMac) {
  Parsed parsed;
  std::memset(&parsed.packet, 0xff, sizeof parsed.packet);
  parsed.plain = dp_parse_plain(frame.data(), frame.data() + frame.size(), static_cast<__u32>(frame.size()),
                                mac.octets.data(), &parsed.packet) != 0;
  return parsed;
}

inline std::vector<std::uint8_t> address_octets(const dp_address& address, unsigned family) {
  std::vector<std::uint8_t> octets(family == 0 ? 0 : family == DP_FAMILY_V4 ? 4 : 16);
  if (!octets.empty()) std::memcpy(octets.data(), address.word, octets.size());
  return octets;
}

// The first fact in which the two differ, empty when there is none.
inline std::string difference(const dp_packet& ours, const TwinFacts& twin) {
  std::string found;
  const auto compare = [&](const char* what, std::uint64_t a, std::uint64_t b) {
    if (found.empty() && a != b) found = std::string(what) + ": " + std::to_string(a) + " is not " + std::to_string(b);
  };
  compare("family", ours.family, twin.family);
  compare("source", address_octets(ours.source, ours.family) == twin.source, 1);
  compare("destination", address_octets(ours.destination, ours.family) == twin.destination, 1);
  compare("source port", ntohs(ours.source_port), twin.source_port);
  compare("destination port", ntohs(ours.destination_port), twin.destination_port);
  compare("protocol", ours.protocol, twin.protocol);
  compare("ttl", ours.ttl, twin.ttl);
  compare("flags", ours.flags, twin.flags);
  compare("ether type", ours.ether_type, twin.ether_type);
  compare("vlan", ours.vlan, twin.vlan);
  compare("inner vlan", ours.inner_vlan, twin.inner_vlan);
  compare("tags", ours.tags, twin.tags);
  compare("l3 offset", ours.l3_offset, twin.l3_offset);
  compare("l4 offset", ours.l4_offset, twin.l4_offset);
  compare("l3 bytes", ours.l3_bytes, twin.l3_bytes);
  compare("tcp flags", ours.tcp_flags, twin.tcp_flags);
  compare("tcp data bytes", ours.tcp_data_bytes, twin.tcp_data_bytes);
  compare("icmp type", ours.icmp_type, twin.icmp_type);
  compare("icmp code", ours.icmp_code, twin.icmp_code);
  compare("sequence", ntohl(ours.tcp_sequence), twin.tcp_sequence);
  compare("acknowledgement", ntohl(ours.tcp_acknowledgement), twin.tcp_acknowledgement);
  std::uint32_t unused = 0;
  for (int i = ours.family == DP_FAMILY_V4 ? 1 : 4; i < 4; ++i)
    unused |= ours.source.word[i] | ours.destination.word[i];
  compare("unused address words of IPv4", unused, 0);
  return found;
}

// Everything that parsing sets is equal; ingress and zone are the caller's.
inline bool same_facts(dp_packet a, dp_packet b) {
  a.ingress = b.ingress = 0;
  a.zone = b.zone = 0;
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace twinpath::test
