// dp_parse and dp_parse_plain against the slow twin, on random frames of which fields were changed by name.
#include <doctest/doctest.h>

#include <random>

#include "harness/parsed.hpp"

using namespace twinpath::test;

namespace {

#ifdef NDEBUG
constexpr int kRounds = 1'000'000;
#else
constexpr int kRounds = 60'000;
#endif

// Frames near the truth: mostly good, a few fields off. Noise alone would never get past the version.
class FrameSource {
 public:
  explicit FrameSource(unsigned seed) : random_(seed) {}

  Bytes next() {
    Packet packet{Eth{.dst = pick({kGatewayMac, kGatewayMac, kGatewayMac, kBroadcastMac, kPeerMac})}};
    for (unsigned tags = one_in(4) ? 1 + below(3) : 0; tags > 0; --tags)
      packet /= Vlan{.id = static_cast<std::uint16_t>(below(4096)), .tpid = pick<std::uint16_t>({0x8100, 0x88a8})};
    if (one_in(40))
      packet /= Arp{};
    else if (one_in(2))
      ipv4(packet);
    else
      ipv6(packet);
    Bytes frame = one_in(3) ? packet.padded(60 + below(8)) : packet.bytes();
    damage(frame);
    return frame;
  }

 private:
  std::uint32_t word() { return static_cast<std::uint32_t>(random_()); }
  unsigned below(unsigned bound) { return word() % bound; }
  bool one_in(unsigned n) { return below(n) == 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(word()); }

  template <class T>
  T pick(std::initializer_list<T> from) {
    return from.begin()[below(static_cast<unsigned>(from.size()))];
  }

  // A wrong value now and then; otherwise the builder computes the right one.
  template <class T>
  std::optional<T> rarely(std::initializer_list<unsigned> values) {
    if (!one_in(24)) return {};
    return static_cast<T>(pick(values));
  }

  Bytes options() {
    Bytes bytes;
    if (!one_in(4)) return bytes;
    const unsigned size = 4 * (1 + below(10));
    while (bytes.size() < size) {
      const std::uint8_t kind = pick<std::uint8_t>({0, 1, 1, 7, 68, 130, 131, 137, 148});
      bytes.push_back(kind);
      if (kind < 2) continue;
      const std::uint8_t length = one_in(10) ? byte() : static_cast<std::uint8_t>(2 + below(9));
      bytes.push_back(length);
      for (unsigned i = 2; i < length; ++i) bytes.push_back(byte());
    }
    bytes.resize(size);
    return bytes;
  }

  void ipv4(Packet& packet) {
    Ipv4 ip{.src = pick<const char*>({"192.0.2.1", "198.51.100.1", "0.0.0.0"}),
            .dst = pick<const char*>({"198.51.100.1", "198.51.100.1", "203.0.113.1", "0.0.0.0"}),
            .ttl = byte(),
            .df = one_in(2)};
    if (one_in(5)) {
      ip.mf = one_in(2);
      ip.offset = static_cast<std::uint16_t>(pick({0u, 0u, 1u, 2u, 8u, 8187u, 8191u, below(8192)}));
    }
    ip.options = options();
    ip.version = one_in(100) ? static_cast<std::uint8_t>(below(16)) : 4;
    ip.ihl = rarely<std::uint8_t>({0, 4, 5, 6, 15});
    ip.total_length = rarely<std::uint16_t>({0, 19, 20, 27, 28, 39, 40, 41, 60, 65535, below(100)});
    ip.protocol = rarely<std::uint8_t>({0, 1, 6, 17, 44, 50, 58, 59, below(256)});
    ip.checksum = rarely<std::uint16_t>({0, 0xffff, below(65536)});
    packet /= ip;
    transport(packet, false);
  }

  void ipv6(Packet& packet) {
    Ipv6 ip{.src = pick<const char*>({"2001:db8::1", "2001:db8:1::1", "::"}),
            .dst = pick<const char*>({"2001:db8:1::1", "2001:db8:1::1", "2001:db8::2", "::"}),
            .hop_limit = byte()};
    ip.version = one_in(100) ? static_cast<std::uint8_t>(below(16)) : 6;
    ip.payload_length = rarely<std::uint16_t>({0, 7, 8, 15, 16, 20, 28, 65535, below(100)});
    ip.next = rarely<std::uint8_t>({0, 6, 17, 43, 44, 50, 51, 58, 59, 60, below(256)});
    packet /= ip;
    if (one_in(2))
      for (unsigned left = below(9); left > 0; --left) extension(packet);
    transport(packet, true);
  }

  void extension(Packet& packet) {
    if (one_in(4)) {
      Fragment6 fragment{.more = one_in(3)};
      if (one_in(2)) fragment.offset = static_cast<std::uint16_t>(pick({1u, 2u, 8u, 8190u, 8191u, below(8192)}));
      fragment.next = rarely<std::uint8_t>({0, 6, 17, 43, 44, 58, 59, 60});
      packet /= fragment;
      return;
    }
    Extension header{.protocol = pick<std::uint8_t>({0, 43, 60, 60, 60})};
    header.body.resize(6 + 8 * below(3));
    header.next = rarely<std::uint8_t>({0, 6, 17, 43, 44, 50, 58, 59, 60});
    header.length = rarely<std::uint8_t>({0, 1, 2, 4, 255});
    packet /= header;
  }

  void transport(Packet& packet, bool v6) {
    switch (below(5)) {
      case 0:
      case 1: {
        Tcp tcp{.seq = word(), .ack = word(), .flags = one_in(3) ? byte() : tcp::kAck};
        if (one_in(30)) tcp.sport = 0;
        if (one_in(30)) tcp.dport = 0;
        tcp.options.resize(4 * (one_in(2) ? below(11) : 0));
        tcp.data_offset = rarely<std::uint8_t>({0, 4, 5, 6, 15});
        packet /= tcp;
        break;
      }
      case 2: {
        Udp udp{};
        if (one_in(30)) udp.sport = 0;
        if (one_in(30)) udp.dport = 0;
        udp.length = rarely<std::uint16_t>({0, 7, 8, 9, 16, 65535, below(64)});
        packet /= udp;
        break;
      }
      case 3: packet /= Icmp{.type = one_in(2) ? byte() : icmp_type(v6), .code = byte()}; break;
      default: break;
    }
    if (one_in(2)) packet /= Payload(one_in(2) ? 8 * below(6) : below(48));
  }

  std::uint8_t icmp_type(bool v6) {
    return v6 ? pick<std::uint8_t>({1, 2, 128, 129, 135}) : pick<std::uint8_t>({0, 3, 8, 13, 14});
  }

  // Bits and the end of the frame, wherever they lie.
  void damage(Bytes& frame) {
    if (one_in(12) && !frame.empty()) frame[below(static_cast<unsigned>(frame.size()))] ^= 1 << below(8);
    if (one_in(12)) frame.resize(below(static_cast<unsigned>(frame.size()) + 1));
  }

  std::mt19937 random_;
};

std::string hex(const Bytes& frame) {
  std::string text;
  for (std::uint8_t byte : frame) {
    const char* digits = "0123456789abcdef";
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::vector<std::uint8_t> octets(const Mac& mac) { return {mac.octets.begin(), mac.octets.end()}; }

}  // namespace

TEST_CASE("dp_parse gives the twin's reason, and the twin's facts when there is none") {
  const unsigned seed = std::random_device{}();
  MESSAGE("seed ", seed, ", ", kRounds, " frames");
  FrameSource source(seed);
  int good = 0, plain = 0;
  std::vector<int> seen(DP_REASONS);
  for (int round = 0; round < kRounds; ++round) {
    const Bytes frame = source.next();
    const Parsed ours = parse(frame);
    const TwinFacts twin = TwinParser(frame, octets(kGatewayMac)).parse();
    ++seen[twin.reason];
    if (ours.reason != twin.reason)
      FAIL("seed ", seed, " round ", round, ": ", reason_name(ours.reason), " is not ", reason_name(twin.reason), " ",
           hex(frame));
    const Parsed fast = parse_plain(frame);
    plain += fast.plain;
    if (ours.reason != DP_NONE) {
      if (fast.plain)
        FAIL("seed ", seed, " round ", round, ": plain in spite of ", reason_name(ours.reason), " ", hex(frame));
      continue;
    }
    ++good;
    if (const std::string found = difference(ours.packet, twin); !found.empty())
      FAIL("seed ", seed, " round ", round, ": ", found, " ", hex(frame));
    if (fast.plain && !same_facts(ours.packet, fast.packet))
      FAIL("seed ", seed, " round ", round, ": the straight line found other facts ", hex(frame));
    const dp_packet& packet = ours.packet;
    const bool simple = (packet.flags & ~DP_PACKET_DONT_FRAGMENT) == (DP_PACKET_TO_US | DP_PACKET_IP) &&
                        packet.tags == 0 && (packet.protocol == 6 || packet.protocol == 17) &&
                        packet.source_port != 0 && packet.l4_offset == (packet.family == DP_FAMILY_V4 ? 34 : 54);
    if (fast.plain != simple) FAIL("seed ", seed, " round ", round, ": plain is ", fast.plain, " ", hex(frame));
  }
  // The source must reach everything, or the agreement says little.
  CHECK(good > kRounds / 5);
  CHECK(plain > kRounds / 50);
  for (int reason = DP_SHORT_ETHERNET; reason <= DP_LAND; ++reason) {
    if (reason == DP_SOURCE_ROUTE) continue;  // the border's
    CHECK_MESSAGE(seen[static_cast<std::size_t>(reason)] > 0, reason_name(static_cast<dp_reason>(reason)));
  }
}

TEST_CASE("every cut of a frame gets the twin's reason") {
  const Packet frames[] = {
      Eth{} / Vlan{} / Vlan{} / Ipv4{.options = Bytes(40, 1)} / Tcp{.options = Bytes(40, 1)} / Payload(9),
      Eth{} / Ipv6{} / hop_by_hop() / routing() / Fragment6{} / destination_options() / Udp{} / Payload(9),
      Eth{} / Ipv6{} / Fragment6{.more = true} / destination_options() / Tcp{} / Payload(12),
      Eth{} / Ipv4{} / Icmp{} / Payload(9),
      Eth{.dst = kBroadcastMac} / Arp{},
  };
  for (const Packet& frame : frames) {
    const std::size_t size = frame.bytes().size();
    for (std::size_t cut = 0; cut <= size; ++cut) {
      const Bytes bytes = frame.first(cut);
      CHECK(parse(bytes).reason == TwinParser(bytes, octets(kGatewayMac)).parse().reason);
    }
  }
}

TEST_CASE("every value of every byte of the headers gets the twin's reason and facts") {
  const Packet frames[] = {
      Eth{} / Vlan{} / Ipv4{.options = {7, 3, 4, 0}} / Tcp{.options = {1, 1, 1, 0}} / Payload(3),
      Eth{} / Ipv4{.offset = 3, .protocol = 17} / Payload(16),
      Eth{} / Ipv6{} / hop_by_hop() / Fragment6{} / Udp{} / Payload(9),
      Eth{} / Ipv6{} / Icmp{.type = 128} / Payload(8),
  };
  for (const Packet& frame : frames) {
    const Bytes good = frame.bytes();
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        Bytes bytes = good;
        bytes[at] = static_cast<std::uint8_t>(value);
        const Parsed ours = parse(bytes);
        const TwinFacts twin = TwinParser(bytes, octets(kGatewayMac)).parse();
        if (ours.reason != twin.reason)
          FAIL(reason_name(ours.reason), " is not ", reason_name(twin.reason), " ", hex(bytes));
        if (twin.reason == DP_NONE && !difference(ours.packet, twin).empty())
          FAIL(difference(ours.packet, twin), " ", hex(bytes));
      }
    }
  }
  CHECK(true);
}
