// malformed.hpp - frames that must be dropped, each with its name and the exact reason.
//
// Every row is a good packet in which the fields that its name speaks of were changed: so that the reason is that field
// and nothing else. The end-to-end test sends the same frames over a wire (the shortest, below 14 bytes, no device
// takes). `by` says who objects: parsing alone, or the border, which looks at facts that parsing has flagged or left.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/model/verdict.h"
#include "harness/packet.hpp"

namespace twinpath::test {

enum class ObjectedBy { kParse, kBorder };

struct Malformed {
  std::string name;
  Bytes frame;
  dp_reason reason;
  ObjectedBy by = ObjectedBy::kParse;
};

class MalformedFrames {
 public:
  // `destination` is the ingress port's address.
  explicit MalformedFrames(Mac destination = kGatewayMac, Mac source = kPeerMac)
      : eth_{.dst = destination, .src = source} {
    truncated();
    tags();
    ipv4_header();
    ipv4_options();
    ipv4_fragments();
    ipv6_header();
    ipv6_chain();
    ipv6_fragments();
    tcp_header();
    tcp_flags();
    udp_and_icmp();
    addresses();
    border();
  }

  [[nodiscard]] const std::vector<Malformed>& all() const { return rows_; }

 private:
  void add(std::string name, Bytes frame, dp_reason reason, ObjectedBy by = ObjectedBy::kParse) {
    rows_.push_back({std::move(name), std::move(frame), reason, by});
  }
  void add(std::string name, const Packet& packet, dp_reason reason, ObjectedBy by = ObjectedBy::kParse) {
    add(std::move(name), packet.bytes(), reason, by);
  }

  // Lengths inside the packet still say that it is whole, except where the name says otherwise.
  void truncated() {
    const Packet tcp4 = eth_ / Ipv4{} / Tcp{}, tcp6 = eth_ / Ipv6{} / Tcp{};
    add("empty frame", tcp4.first(0), DP_SHORT_ETHERNET);
    add("one byte", tcp4.first(1), DP_SHORT_ETHERNET);
    add("cut inside Ethernet", tcp4.first(13), DP_SHORT_ETHERNET);
    add("Ethernet without IPv4", tcp4.first(14), DP_SHORT_L3);
    add("cut after one byte of IPv4", tcp4.first(15), DP_SHORT_L3);
    add("cut one byte before the end of IPv4", tcp4.first(33), DP_SHORT_L3);
    add("IPv4 header alone, total length says more", tcp4.first(34), DP_BAD_TOTAL_LENGTH);
    add("cut one byte before the end of the packet", tcp4.first(53), DP_BAD_TOTAL_LENGTH);
    add("Ethernet without IPv6", tcp6.first(14), DP_SHORT_L3);
    add("cut one byte before the end of IPv6", tcp6.first(53), DP_SHORT_L3);
    add("IPv6 header alone, payload length says more", tcp6.first(54), DP_BAD_TOTAL_LENGTH);
    add("cut inside IPv4 options", (eth_ / Ipv4{.options = {1, 1, 1, 1}} / Tcp{}).first(37), DP_SHORT_L3);
    add("IPv4 without transport header", eth_ / Ipv4{.protocol = 6}, DP_SHORT_L4);
    add("IPv6 without transport header", eth_ / Ipv6{.next = 6}, DP_SHORT_L4);
  }

  void tags() {
    const Packet one = eth_ / Vlan{.id = 7} / Ipv4{} / Tcp{};
    const Packet two = eth_ / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8} / Ipv4{} / Tcp{};
    add("cut at the start of a tag", one.first(14), DP_SHORT_ETHERNET);
    add("cut inside a tag", one.first(17), DP_SHORT_ETHERNET);
    add("cut behind a tag", one.first(18), DP_SHORT_L3);
    add("cut at the start of a second tag", two.first(18), DP_SHORT_ETHERNET);
    add("cut inside a second tag", two.first(21), DP_SHORT_ETHERNET);
    add("cut behind two tags", two.first(22), DP_SHORT_L3);
    add("three tags", eth_ / Vlan{.id = 7} / Vlan{.id = 8} / Vlan{.id = 9} / Ipv4{} / Tcp{}, DP_UNKNOWN_VLAN);
    add("tagged IPv4 that is cut", one.first(37), DP_SHORT_L3);
  }

  void ipv4_header() {
    add("IPv4 version 0", eth_ / Ipv4{.version = 0} / Tcp{}, DP_BAD_VERSION);
    add("IPv4 version 6", eth_ / Ipv4{.version = 6} / Tcp{}, DP_BAD_VERSION);
    add("IPv6 behind the EtherType of IPv4", Packet(Eth{eth_.dst, eth_.src, 0x0800}) / Ipv6{} / Tcp{}, DP_BAD_VERSION);
    add("IPv4 header length 0", eth_ / Ipv4{.ihl = 0} / Tcp{}, DP_BAD_HEADER_LENGTH);
    add("IPv4 header length 4", eth_ / Ipv4{.ihl = 4} / Tcp{}, DP_BAD_HEADER_LENGTH);
    add("IPv4 header length 15 beyond the frame", eth_ / Ipv4{.ihl = 15} / Tcp{}, DP_SHORT_L3);
    add("IPv4 header length beyond the total length", eth_ / Ipv4{.ihl = 6, .total_length = 20} / Tcp{},
        DP_BAD_TOTAL_LENGTH);
    add("IPv4 total length 0", eth_ / Ipv4{.total_length = 0} / Tcp{}, DP_BAD_TOTAL_LENGTH);
    add("IPv4 total length below the header", eth_ / Ipv4{.total_length = 19} / Tcp{}, DP_BAD_TOTAL_LENGTH);
    add("IPv4 total length one beyond the frame", eth_ / Ipv4{.total_length = 41} / Tcp{}, DP_BAD_TOTAL_LENGTH);
    add("IPv4 total length 65535", eth_ / Ipv4{.total_length = 65535} / Tcp{}, DP_BAD_TOTAL_LENGTH);
    add("IPv4 checksum 0", eth_ / Ipv4{.checksum = 0} / Tcp{}, DP_BAD_HEADER_CHECKSUM);
    Bytes flipped = (eth_ / Ipv4{} / Tcp{}).bytes();
    flipped[22] ^= 1;  // TTL
    add("IPv4 TTL changed without the checksum", flipped, DP_BAD_HEADER_CHECKSUM);
    flipped = (eth_ / Ipv4{.options = {1, 1, 1, 0}} / Tcp{}).bytes();
    flipped[36] ^= 0x10;
    add("IPv4 option changed without the checksum", flipped, DP_BAD_HEADER_CHECKSUM);
    flipped = (eth_ / Ipv4{.options = Bytes(40, 1)} / Tcp{}).bytes();
    flipped[73] ^= 1;
    add("last of 40 option bytes changed without the checksum", flipped, DP_BAD_HEADER_CHECKSUM);
    add("IPv4 header takes the whole packet", eth_ / Ipv4{.total_length = 20} / Tcp{}, DP_SHORT_L4);
  }

  void ipv4_options() {
    const auto with = [&](Bytes options) { return eth_ / Ipv4{.options = std::move(options)} / Tcp{}; };
    add("option length 0", with({7, 0, 0, 0}), DP_BAD_HEADER_LENGTH);
    add("option length 1", with({7, 1, 0, 0}), DP_BAD_HEADER_LENGTH);
    add("option beyond the header", with({7, 5, 4, 0}), DP_BAD_HEADER_LENGTH);
    add("option without its length byte", with({1, 1, 1, 7}), DP_BAD_HEADER_LENGTH);
    add("option beyond a header of 60 bytes", with([] {
          Bytes options(40, 1);
          options[30] = 68;
          options[31] = 11;
          return options;
        }()),
        DP_BAD_HEADER_LENGTH);
    add("option length 255", with({68, 255, 5, 0}), DP_BAD_HEADER_LENGTH);
  }

  void ipv4_fragments() {
    add("first fragment without a whole TCP header", eth_ / Ipv4{.mf = true, .protocol = 6} / Payload(16),
        DP_BAD_FRAGMENT);
    add("first fragment of eight bytes of TCP", eth_ / Ipv4{.mf = true, .protocol = 6} / Payload(8), DP_BAD_FRAGMENT);
    add("first fragment without a whole UDP header", eth_ / Ipv4{.mf = true, .protocol = 17}, DP_BAD_FRAGMENT);
    add("first fragment without a whole ICMP header", eth_ / Ipv4{.mf = true, .protocol = 1}, DP_BAD_FRAGMENT);
    add("first fragment cut inside TCP options", eth_ / Ipv4{.mf = true} / Tcp{.data_offset = 15} / Payload(4),
        DP_BAD_FRAGMENT);
    add("TCP fragment at offset 8", eth_ / Ipv4{.offset = 1, .protocol = 6} / Payload(32), DP_BAD_FRAGMENT);
    add("TCP fragment at offset 8 with more", eth_ / Ipv4{.mf = true, .offset = 1, .protocol = 6} / Payload(32),
        DP_BAD_FRAGMENT);
    add("fragment beyond 65535 bytes", eth_ / Ipv4{.offset = 8191, .protocol = 17} / Payload(8), DP_BAD_FRAGMENT);
    add("fragment one byte beyond 65535", eth_ / Ipv4{.offset = 8187, .protocol = 17} / Payload(20), DP_BAD_FRAGMENT);
    add("fragment with more whose length is not a multiple of 8",
        eth_ / Ipv4{.mf = true, .offset = 64, .protocol = 17} / Payload(31), DP_BAD_FRAGMENT);
    add("first fragment with SYN+FIN", eth_ / Ipv4{.mf = true} / Tcp{.flags = tcp::kSyn | tcp::kFin} / Payload(4),
        DP_BAD_TCP_FLAGS);
    add("first fragment with UDP length 7", eth_ / Ipv4{.mf = true} / Udp{.length = 7} / Payload(8), DP_BAD_UDP_LENGTH);
  }

  void ipv6_header() {
    add("IPv6 version 4", eth_ / Ipv6{.version = 4} / Tcp{}, DP_BAD_VERSION);
    add("IPv6 version 15", eth_ / Ipv6{.version = 15} / Tcp{}, DP_BAD_VERSION);
    add("IPv4 behind the EtherType of IPv6", Packet(Eth{eth_.dst, eth_.src, 0x86dd}) / Ipv4{} / Tcp{} / Payload(40),
        DP_BAD_VERSION);
    add("IPv6 payload length one beyond the frame", eth_ / Ipv6{.payload_length = 21} / Tcp{}, DP_BAD_TOTAL_LENGTH);
    add("IPv6 payload length 65535", eth_ / Ipv6{.payload_length = 65535} / Tcp{}, DP_BAD_TOTAL_LENGTH);
    add("IPv6 payload length 0 with TCP", eth_ / Ipv6{.payload_length = 0} / Tcp{}, DP_SHORT_L4);
    add("IPv6 payload length 19 with TCP", eth_ / Ipv6{.payload_length = 19} / Tcp{}, DP_SHORT_L4);
    add("IPv6 jumbogram",
        eth_ / Ipv6{.payload_length = 0} / Extension{.protocol = 0, .body = {194, 4, 0, 1, 0, 0}} / Tcp{},
        DP_BAD_TOTAL_LENGTH);
  }

  void ipv6_chain() {
    const auto chain = [&](int count) {
      Packet packet = eth_ / Ipv6{};
      for (int i = 0; i < count; ++i) packet /= destination_options();
      return packet / Tcp{};
    };
    add("seven extension headers", chain(7), DP_EXTENSION_CHAIN);
    add("twenty extension headers", chain(20), DP_EXTENSION_CHAIN);
    add("hop-by-hop options second", eth_ / Ipv6{} / destination_options() / hop_by_hop() / Tcp{}, DP_EXTENSION_CHAIN);
    add("hop-by-hop options twice", eth_ / Ipv6{} / hop_by_hop() / hop_by_hop() / Tcp{}, DP_EXTENSION_CHAIN);
    add("hop-by-hop options behind an atomic fragment", eth_ / Ipv6{} / Fragment6{} / hop_by_hop() / Tcp{},
        DP_EXTENSION_CHAIN);
    add("two atomic fragment headers", eth_ / Ipv6{} / Fragment6{} / Fragment6{} / Tcp{}, DP_EXTENSION_CHAIN);
    add("fragment behind an atomic fragment header",
        eth_ / Ipv6{} / Fragment6{} / Fragment6{.offset = 64} / Payload(16), DP_EXTENSION_CHAIN);
    add("extension header beyond the packet", eth_ / Ipv6{} / Extension{.protocol = 60, .length = 4} / Tcp{},
        DP_BAD_HEADER_LENGTH);
    add("extension header of 2048 bytes in a short packet",
        eth_ / Ipv6{} / Extension{.protocol = 0, .length = 255} / Tcp{}, DP_BAD_HEADER_LENGTH);
    add("extension header announced and absent", eth_ / Ipv6{.next = 60}, DP_SHORT_L3);
    add("extension header of seven bytes", eth_ / Ipv6{.payload_length = 7} / destination_options() / Tcp{},
        DP_SHORT_L3);
    add("second extension header announced and absent", eth_ / Ipv6{} / Extension{.protocol = 0, .next = 43},
        DP_SHORT_L3);
    add("fragment header announced and absent", eth_ / Ipv6{.next = 44} / Payload(4), DP_SHORT_L3);
    add("no transport header behind extension headers", eth_ / Ipv6{} / Extension{.protocol = 60, .next = 6},
        DP_SHORT_L4);
    add("atomic fragment without a whole UDP header", eth_ / Ipv6{} / Fragment6{.next = 17} / Payload(7), DP_SHORT_L4);
  }

  void ipv6_fragments() {
    const Packet ip = eth_ / Ipv6{};
    add("IPv6 first fragment without a whole TCP header", ip / Fragment6{.more = true, .next = 6} / Payload(16),
        DP_BAD_FRAGMENT);
    add("IPv6 first fragment without a transport header", ip / Fragment6{.more = true, .next = 17}, DP_BAD_FRAGMENT);
    add("IPv6 first fragment that ends before an extension header", ip / Fragment6{.more = true, .next = 60},
        DP_BAD_FRAGMENT);
    add("IPv6 first fragment that ends inside an extension header",
        ip / Fragment6{.more = true} / Extension{.protocol = 60, .next = 6, .length = 1}, DP_BAD_FRAGMENT);
    add("IPv6 first fragment that ends behind an extension header",
        ip / Fragment6{.more = true} / Extension{.protocol = 60, .next = 6}, DP_BAD_FRAGMENT);
    add("IPv6 TCP fragment at offset 8", ip / Fragment6{.offset = 1, .next = 6} / Payload(32), DP_BAD_FRAGMENT);
    add("IPv6 fragment beyond 65535 bytes", ip / Fragment6{.offset = 8191, .next = 17} / Payload(8), DP_BAD_FRAGMENT);
    add("IPv6 fragment with more whose length is not a multiple of 8",
        ip / Fragment6{.offset = 64, .more = true, .next = 17} / Payload(31), DP_BAD_FRAGMENT);
    add("IPv6 fragment whose repeated headers pass 65535 bytes",
        ip / destination_options() / Fragment6{.offset = 8190, .next = 17} / Payload(10), DP_BAD_FRAGMENT);
  }

  void tcp_header() {
    const Packet ip = eth_ / Ipv4{};
    add("TCP data offset 0", ip / Tcp{.data_offset = 0}, DP_BAD_HEADER_LENGTH);
    add("TCP data offset 4", ip / Tcp{.data_offset = 4}, DP_BAD_HEADER_LENGTH);
    add("TCP data offset beyond the packet", ip / Tcp{.data_offset = 6}, DP_SHORT_L4);
    add("TCP data offset 15 beyond the packet", ip / Tcp{.data_offset = 15} / Payload(39), DP_SHORT_L4);
    add("TCP over IPv6 with data offset 4", eth_ / Ipv6{} / Tcp{.data_offset = 4}, DP_BAD_HEADER_LENGTH);
    add("TCP source port 0", ip / Tcp{.sport = 0}, DP_BAD_PORT);
    add("TCP destination port 0", ip / Tcp{.dport = 0}, DP_BAD_PORT);
    add("TCP over IPv6 with destination port 0", eth_ / Ipv6{} / Tcp{.dport = 0}, DP_BAD_PORT);
    add("TCP header cut by the total length", eth_ / Ipv4{.total_length = 39} / Tcp{}, DP_SHORT_L4);
    add("TCP header only in the padding", Packet(eth_ / Ipv4{.total_length = 28} / Tcp{}).padded(), DP_SHORT_L4);
  }

  void tcp_flags() {
    const auto with = [&](std::uint8_t flags) { return eth_ / Ipv4{} / Tcp{.flags = flags}; };
    using namespace tcp;
    add("TCP null scan", with(0), DP_BAD_TCP_FLAGS);
    add("TCP with nothing but ECN bits", with(kEce | kCwr), DP_BAD_TCP_FLAGS);
    add("TCP Xmas scan", with(kFin | kPsh | kUrg), DP_BAD_TCP_FLAGS);
    add("TCP FIN alone", with(kFin), DP_BAD_TCP_FLAGS);
    add("TCP PSH alone", with(kPsh), DP_BAD_TCP_FLAGS);
    add("TCP URG alone", with(kUrg), DP_BAD_TCP_FLAGS);
    add("TCP SYN+FIN", with(kSyn | kFin), DP_BAD_TCP_FLAGS);
    add("TCP SYN+FIN+ACK", with(kSyn | kFin | kAck), DP_BAD_TCP_FLAGS);
    add("TCP SYN+RST", with(kSyn | kRst), DP_BAD_TCP_FLAGS);
    add("TCP SYN+RST+ACK", with(kSyn | kRst | kAck), DP_BAD_TCP_FLAGS);
    add("TCP RST+FIN without ACK", with(kRst | kFin), DP_BAD_TCP_FLAGS);
    add("TCP all flags", with(0xff), DP_BAD_TCP_FLAGS);
    add("TCP SYN+FIN over IPv6", eth_ / Ipv6{} / Tcp{.flags = kSyn | kFin}, DP_BAD_TCP_FLAGS);
    add("TCP null scan behind two tags", eth_ / Vlan{} / Vlan{} / Ipv4{} / Tcp{.flags = 0}, DP_BAD_TCP_FLAGS);
  }

  void udp_and_icmp() {
    const Packet ip = eth_ / Ipv4{};
    add("UDP header cut by the total length", eth_ / Ipv4{.total_length = 27} / Udp{} / Payload(8), DP_SHORT_L4);
    add("UDP length 0", ip / Udp{.length = 0} / Payload(8), DP_BAD_UDP_LENGTH);
    add("UDP length 7", ip / Udp{.length = 7} / Payload(8), DP_BAD_UDP_LENGTH);
    add("UDP length one beyond the packet", ip / Udp{.length = 17} / Payload(8), DP_BAD_UDP_LENGTH);
    add("UDP length reaching into the padding", Packet(ip / Udp{.length = 9}).padded(), DP_BAD_UDP_LENGTH);
    add("UDP length 0 over IPv6", eth_ / Ipv6{} / Udp{.length = 0} / Payload(8), DP_BAD_UDP_LENGTH);
    add("UDP length beyond the packet over IPv6", eth_ / Ipv6{} / Udp{.length = 999} / Payload(8), DP_BAD_UDP_LENGTH);
    add("UDP destination port 0", ip / Udp{.dport = 0}, DP_BAD_PORT);
    add("ICMP of seven bytes", eth_ / Ipv4{.total_length = 27} / Icmp{}, DP_SHORT_L4);
    add("ICMP without a byte", eth_ / Ipv4{.protocol = 1}, DP_SHORT_L4);
    add("ICMPv6 of four bytes", eth_ / Ipv6{.payload_length = 4} / Icmp{.type = 128}, DP_SHORT_L4);
  }

  void addresses() {
    add("land attack", eth_ / Ipv4{.src = "198.51.100.1"} / Tcp{.sport = 80}, DP_LAND);
    add("land attack with UDP", eth_ / Ipv4{.src = "198.51.100.1"} / Udp{}, DP_LAND);
    add("land attack over IPv6", eth_ / Ipv6{.src = "2001:db8:1::1"} / Tcp{}, DP_LAND);
    add("land attack with an echo request", eth_ / Ipv4{.src = "198.51.100.1"} / Icmp{}, DP_LAND);
    add("land attack with a later fragment",
        eth_ / Ipv4{.src = "198.51.100.1", .offset = 64, .protocol = 17} / Payload(8), DP_LAND);
    add("land attack behind a tag", eth_ / Vlan{} / Ipv4{.src = "198.51.100.1"} / Tcp{}, DP_LAND);
  }

  void border() {
    const auto at_border = [&](std::string name, const Packet& packet, dp_reason reason) {
      add(std::move(name), packet, reason, ObjectedBy::kBorder);
    };
    for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "239.1.2.3", "255.255.255.255"})
      at_border("source " + std::string(source), eth_ / Ipv4{.src = source} / Udp{}, DP_MARTIAN_SOURCE);
    for (const char* source : {"::", "::1", "::7f00:1", "::ffff:192.0.2.1", "ff02::1", "ff0e::1"})
      at_border("source " + std::string(source), eth_ / Ipv6{.src = source} / Udp{}, DP_MARTIAN_SOURCE);
    for (const char* destination : {"0.0.0.0", "127.0.0.1", "127.255.255.254"})
      at_border("destination " + std::string(destination), eth_ / Ipv4{.dst = destination} / Udp{},
                DP_MARTIAN_DESTINATION);
    for (const char* destination : {"::", "::1", "::ffff:192.0.2.1"})
      at_border("destination " + std::string(destination), eth_ / Ipv6{.dst = destination} / Udp{},
                DP_MARTIAN_DESTINATION);
    const Bytes loose = {131, 7, 4, 192, 0, 2, 9, 0}, strict = {1, 137, 7, 4, 192, 0, 2, 9};
    at_border("loose source route", eth_ / Ipv4{.options = loose} / Tcp{}, DP_SOURCE_ROUTE);
    at_border("strict source route behind a NOP", eth_ / Ipv4{.options = strict} / Tcp{}, DP_SOURCE_ROUTE);
    for (std::uint8_t type : {0, 2, 3, 4})
      at_border("routing header type " + std::to_string(type), eth_ / Ipv6{} / routing(type) / Tcp{}, DP_SOURCE_ROUTE);
    at_border("routing header behind hop-by-hop options", eth_ / Ipv6{} / hop_by_hop() / routing() / Udp{},
              DP_SOURCE_ROUTE);
  }

  Eth eth_;
  std::vector<Malformed> rows_;
};

}  // namespace twinpath::test
