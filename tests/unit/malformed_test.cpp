// Every malformed frame is refused, with exactly the reason its name promises (harness/malformed.hpp).
#include <doctest/doctest.h>

#include <set>

#include "common/decide/martian.h"
#include "harness/malformed.hpp"
#include "harness/parsed.hpp"

using namespace twinpath::test;

namespace {

// What the border says of a packet that parsing let through; no tables needed.
dp_reason border(const dp_packet& packet) {
  if (packet.flags & DP_PACKET_SOURCE_ROUTE) return DP_SOURCE_ROUTE;
  if (dp_martian_source(packet.family, &packet.source)) return DP_MARTIAN_SOURCE;
  if (dp_martian_destination(packet.family, &packet.destination)) return DP_MARTIAN_DESTINATION;
  return DP_NONE;
}

}  // namespace

TEST_CASE("every malformed frame is refused with the reason in its name") {
  const MalformedFrames frames;
  for (const Malformed& row : frames.all()) {
    CAPTURE(row.name);
    const auto [found, unused, packet] = parse(row.frame);
    if (row.by == ObjectedBy::kParse) {
      CHECK_MESSAGE(found == row.reason, "found ", reason_name(found), ", want ", reason_name(row.reason));
    } else {
      CHECK_MESSAGE(found == DP_NONE, "parsing objected: ", reason_name(found));
      const dp_reason objection = border(packet);
      CHECK_MESSAGE(objection == row.reason, "found ", reason_name(objection), ", want ", reason_name(row.reason));
    }
  }
}

TEST_CASE("no malformed frame takes the straight line") {
  const MalformedFrames frames;
  for (const Malformed& row : frames.all()) {
    CAPTURE(row.name);
    const auto [found, plain, packet] = parse_plain(row.frame);
    if (row.by == ObjectedBy::kParse)
      CHECK_FALSE(plain);
    else if (plain)
      CHECK(border(packet) == row.reason);
  }
}

TEST_CASE("the table of malformed frames names each row once and covers every reason of parsing") {
  const MalformedFrames frames;
  std::set<std::string> names;
  std::set<dp_reason> reasons;
  for (const Malformed& row : frames.all()) {
    CHECK_MESSAGE(names.insert(row.name).second, row.name);
    reasons.insert(row.reason);
  }
  CHECK(frames.all().size() >= 60);
  for (int reason = DP_SHORT_ETHERNET; reason <= DP_LAND; ++reason)
    CHECK_MESSAGE(reasons.count(static_cast<dp_reason>(reason)) == 1, reason_name(static_cast<dp_reason>(reason)));
}

TEST_CASE("a good packet of each kind the table starts from is accepted") {
  struct {
    const char* name;
    Packet packet;
  } rows[] = {
      {"TCP over IPv4", Eth{} / Ipv4{} / Tcp{}},
      {"TCP over IPv6", Eth{} / Ipv6{} / Tcp{}},
      {"UDP over IPv4", Eth{} / Ipv4{} / Udp{} / Payload(8)},
      {"UDP over IPv6", Eth{} / Ipv6{} / Udp{} / Payload(8)},
      {"echo request", Eth{} / Ipv4{} / Icmp{}},
      {"ICMPv6 echo request", Eth{} / Ipv6{} / Icmp{.type = 128}},
      {"one tag", Eth{} / Vlan{} / Ipv4{} / Tcp{}},
      {"two tags", Eth{} / Vlan{.tpid = 0x88a8} / Vlan{} / Ipv4{} / Tcp{}},
      {"options of 40 bytes", Eth{} / Ipv4{.options = Bytes(40, 1)} / Tcp{}},
      {"options that end early", Eth{} / Ipv4{.options = {1, 0, 7, 0}} / Tcp{}},
      {"option that just fits", Eth{} / Ipv4{.options = {7, 4, 4, 0}} / Tcp{}},
      {"six extension headers", Eth{} / Ipv6{} / hop_by_hop() / destination_options() / destination_options() /
                                    destination_options() / Fragment6{} / destination_options() / Tcp{}},
      {"first fragment", Eth{} / Ipv4{.mf = true} / Tcp{} / Payload(4)},
      {"last fragment that ends at 65535", Eth{} / Ipv4{.offset = 8187, .protocol = 17} / Payload(19)},
      {"later fragment at offset 16", Eth{} / Ipv4{.offset = 2, .protocol = 6} / Payload(8)},
      {"UDP fragment at offset 8", Eth{} / Ipv4{.offset = 1, .protocol = 17} / Payload(8)},
      {"IPv6 last fragment that ends at 65535", Eth{} / Ipv6{} / Fragment6{.offset = 8191, .next = 17} / Payload(7)},
      {"UDP shorter than its packet", Eth{} / Ipv4{} / Udp{.length = 8} / Payload(8)},
      {"no next header", Eth{} / Ipv6{.next = 59}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dp_reason found = parse(row.packet.bytes()).reason;
    CHECK_MESSAGE(found == DP_NONE, "found ", reason_name(found));
  }
}
