#include "differential/draft.hpp"

#include <algorithm>

#include "differential/world.hpp"

namespace twinpath::test {
namespace {

Tcp* tcp_of(Draft& draft) { return std::get_if<Tcp>(&draft.transport); }
Udp* udp_of(Draft& draft) { return std::get_if<Udp>(&draft.transport); }
Icmp* icmp_of(Draft& draft) { return std::get_if<Icmp>(&draft.transport); }

void set_ttl(Draft& draft, std::uint8_t ttl) { draft.ip4.ttl = draft.ip6.hop_limit = ttl; }

void set_tcp_flags(Draft& draft, std::uint8_t flags) {
  if (Tcp* tcp = tcp_of(draft)) tcp->flags = flags;
}

void set_ports(Draft& draft, std::optional<std::uint16_t> source, std::optional<std::uint16_t> destination) {
  if (Tcp* tcp = tcp_of(draft)) {
    tcp->sport = source.value_or(tcp->sport);
    tcp->dport = destination.value_or(tcp->dport);
  }
  if (Udp* udp = udp_of(draft)) {
    udp->sport = source.value_or(udp->sport);
    udp->dport = destination.value_or(udp->dport);
  }
}

void odd_destination(Draft& draft, Random& random) {
  draft.ip4.dst = random.pick(kOddities4);
  draft.ip6.dst = random.pick(kOddities6);
}

void odd_source(Draft& draft, Random& random) {
  draft.ip4.src = random.pick(kOddities4);
  draft.ip6.src = random.pick(kOddities6);
}

void own_address(Draft& draft, Random&) {
  draft.ip4.dst = "10.1.0.254";
  draft.ip6.dst = "2001:db8:1::fe";
}

void fragment(Draft& draft, std::uint16_t offset, bool more) {
  draft.ip4.offset = offset;
  draft.ip4.mf = more;
  if (draft.v6) draft.between.push_back(Fragment6{.offset = offset, .more = more});
}

// From a socket that one of the host's talks to, or could.
void to_host_socket(Draft& draft, Random& random) {
  const HostSocket& socket = random.pick(kHostSockets);
  draft.v6 = socket.v6;
  if (socket.v6) {
    draft.ip6.src = socket.far;
    draft.ip6.dst = socket.own;
  } else {
    draft.ip4.src = socket.far;
    draft.ip4.dst = socket.own;
  }
  if (socket.type == SOCK_DGRAM)
    draft.transport = Udp{.sport = socket.far_port, .dport = socket.own_port};
  else
    draft.transport = Tcp{.sport = socket.far_port, .dport = socket.own_port, .flags = tcp::kAck};
}

void neighbour_discovery(Draft& draft, Random& random) {
  draft.v6 = true;
  draft.ip6.hop_limit = random.percent(80) ? 255 : 64;
  draft.ip6.dst = random.percent(50) ? "2001:db8:1::fe" : "ff02::1:ff00:1";
  if (random.percent(50)) draft.eth.dst = kMulticastMac;
  draft.transport = Icmp{.type = static_cast<std::uint8_t>(random.between(130, 143))};
}

void change_source_port(Draft& draft, Random& random) {
  set_ports(draft, static_cast<std::uint16_t>(random.below(65536)), {});
}

void change_destination_port(Draft& draft, Random& random) {
  set_ports(draft, {}, static_cast<std::uint16_t>(random.below(65536)));
}

constexpr std::uint8_t kTcpFlags[] = {tcp::kFin,
                                      tcp::kFin | tcp::kAck,
                                      tcp::kSyn,
                                      tcp::kSyn | tcp::kAck,
                                      tcp::kRst,
                                      tcp::kRst | tcp::kAck,
                                      tcp::kAck,
                                      tcp::kPsh | tcp::kAck,
                                      tcp::kSyn | tcp::kFin,
                                      tcp::kSyn | tcp::kRst,
                                      0,
                                      tcp::kUrg,
                                      0xff,
                                      tcp::kSyn | tcp::kEce | tcp::kCwr};

constexpr FieldMutator kFields[] = {
    {"TTL 0", [](Draft& draft, Random&) { set_ttl(draft, 0); }},
    {"TTL 1", [](Draft& draft, Random&) { set_ttl(draft, 1); }},
    {"TTL 2", [](Draft& draft, Random&) { set_ttl(draft, 2); }},
    {"TTL 255", [](Draft& draft, Random&) { set_ttl(draft, 255); }},
    {"TTL random", [](Draft& draft, Random& random) { set_ttl(draft, static_cast<std::uint8_t>(random.below(256))); }},
    {"type of service",
     [](Draft& draft, Random& random) {
       draft.ip4.service = draft.ip6.traffic_class = static_cast<std::uint8_t>(random.below(256));
     }},
    {"IPv4 id", [](Draft& draft, Random& random) { draft.ip4.id = static_cast<std::uint16_t>(random.below(65536)); }},
    {"flow label", [](Draft& draft, Random& random) { draft.ip6.flow_label = random.below(1 << 20); }},
    {"do not fragment", [](Draft& draft, Random&) { draft.ip4.df = true; }},
    {"first fragment", [](Draft& draft, Random&) { fragment(draft, 0, true); }},
    {"later fragment",
     [](Draft& draft, Random& random) {
       fragment(draft, static_cast<std::uint16_t>(random.below(8192)), random.percent(50));
     }},
    {"atomic fragment", [](Draft& draft, Random&) { fragment(draft, 0, false); }},
    {"IPv4 NOP options", [](Draft& draft, Random& random) { draft.ip4.options = Bytes(random.between(1, 40), 1); }},
    {"IPv4 random options",
     [](Draft& draft, Random& random) {
       draft.ip4.options = Bytes(random.between(1, 40));
       for (std::uint8_t& byte : draft.ip4.options) byte = static_cast<std::uint8_t>(random.below(256));
     }},
    {"source route",
     [](Draft& draft, Random&) {
       draft.ip4.options = {131, 7, 4, 192, 0, 2, 9, 0};
       draft.between.push_back(routing());
     }},
    {"IPv4 wrong checksum",
     [](Draft& draft, Random& random) { draft.ip4.checksum = static_cast<std::uint16_t>(random.below(65536)); }},
    {"IP version",
     [](Draft& draft, Random& random) {
       draft.ip4.version = draft.ip6.version = static_cast<std::uint8_t>(random.below(16));
     }},
    {"IPv4 header length",
     [](Draft& draft, Random& random) { draft.ip4.ihl = static_cast<std::uint8_t>(random.below(16)); }},
    {"IP length",
     [](Draft& draft, Random& random) {
       const auto length = static_cast<std::uint16_t>(random.below(200));
       draft.ip4.total_length = draft.ip6.payload_length = length;
     }},
    {"transport protocol",
     [](Draft& draft, Random& random) {
       const auto protocol = static_cast<std::uint8_t>(random.below(256));
       draft.ip4.protocol = protocol;
       if (draft.between.empty()) draft.ip6.next = protocol;
     }},
    {"destination options", [](Draft& draft, Random&) { draft.between.push_back(destination_options()); }},
    {"hop-by-hop options", [](Draft& draft, Random&) { draft.between.insert(draft.between.begin(), hop_by_hop()); }},
    {"routing header",
     [](Draft& draft, Random& random) {
       draft.between.push_back(routing(static_cast<std::uint8_t>(random.below(5))));
     }},
    {"many extension headers",
     [](Draft& draft, Random& random) {
       draft.between.insert(draft.between.end(), random.between(3, 12), Layer{destination_options()});
     }},
    {"extension header length",
     [](Draft& draft, Random& random) {
       draft.between.push_back(Extension{.protocol = 60, .length = static_cast<std::uint8_t>(random.below(256))});
     }},
    {"TCP flags", [](Draft& draft, Random& random) { set_tcp_flags(draft, random.pick(kTcpFlags)); }},
    {"TCP flags random",
     [](Draft& draft, Random& random) { set_tcp_flags(draft, static_cast<std::uint8_t>(random.below(256))); }},
    {"TCP acknowledgement",
     [](Draft& draft, Random& random) {
       if (Tcp* tcp = tcp_of(draft)) tcp->ack += random.percent(50) ? 1 : random.word();
     }},
    {"TCP sequence",
     [](Draft& draft, Random& random) {
       if (Tcp* tcp = tcp_of(draft)) tcp->seq = random.percent(20) ? 0xffffffff : random.word();
     }},
    {"TCP options",
     [](Draft& draft, Random& random) {
       if (Tcp* tcp = tcp_of(draft)) tcp->options = Bytes(random.between(1, 40), 1);
     }},
    {"TCP data offset",
     [](Draft& draft, Random& random) {
       if (Tcp* tcp = tcp_of(draft)) tcp->data_offset = static_cast<std::uint8_t>(random.below(16));
     }},
    {"transport checksum",
     [](Draft& draft, Random& random) {
       const auto check = static_cast<std::uint16_t>(random.percent(30) ? 0 : random.below(65536));
       if (Tcp* tcp = tcp_of(draft)) tcp->checksum = check;
       if (Udp* udp = udp_of(draft)) udp->checksum = check;
       if (Icmp* icmp = icmp_of(draft)) icmp->checksum = check;
     }},
    {"UDP without checksum",
     [](Draft& draft, Random&) {
       if (Udp* udp = udp_of(draft)) udp->checksum = 0;
     }},
    {"UDP length",
     [](Draft& draft, Random& random) {
       if (Udp* udp = udp_of(draft)) udp->length = static_cast<std::uint16_t>(random.below(40));
     }},
    {"source port", change_source_port},
    {"destination port", change_destination_port},
    {"port zero", [](Draft& draft, Random&) { set_ports(draft, {}, 0); }},
    {"source port zero", [](Draft& draft, Random&) { set_ports(draft, 0, {}); }},
    {"ICMP type",
     [](Draft& draft, Random& random) {
       if (Icmp* icmp = icmp_of(draft)) icmp->type = static_cast<std::uint8_t>(random.below(256));
     }},
    {"ICMP code",
     [](Draft& draft, Random& random) {
       if (Icmp* icmp = icmp_of(draft)) icmp->code = static_cast<std::uint8_t>(random.below(4));
     }},
    {"other address as source", odd_source},
    {"other address as destination", odd_destination},
    {"to the gateway itself", own_address},
    {"to a socket of the host", to_host_socket},
    {"neighbour discovery", neighbour_discovery},
    {"destination is the source",
     [](Draft& draft, Random&) {
       draft.ip4.dst = draft.ip4.src;
       draft.ip6.dst = draft.ip6.src;
     }},
    {"spoofed host",
     [](Draft& draft, Random& random) {
       const Network& network = random.pick(kNetworks);
       draft.ip4.src = host4(network, random.between(1, kHosts));
       draft.ip6.src = host6(network, random.between(1, kHosts));
     }},
    {"another station's MAC", [](Draft& draft, Random&) { draft.eth.dst.octets[5] ^= 0x40; }},
    {"a virtual router's MAC", [](Draft& draft, Random&) { draft.eth.dst = kVirtualMac; }},
    {"DHCP answer",
     [](Draft& draft, Random& random) {
       draft.transport = Udp{.sport = static_cast<std::uint16_t>(draft.v6 ? 547 : 67),
                             .dport = static_cast<std::uint16_t>(draft.v6 ? 546 : 68)};
       if (random.percent(50)) odd_destination(draft, random);
     }},
    {"word of a router",
     [](Draft& draft, Random& random) {
       draft.transport = Icmp{.type = static_cast<std::uint8_t>(!draft.v6 ? 5 : random.percent(50) ? 134 : 137)};
       if (random.percent(50)) own_address(draft, random);
       if (random.percent(50)) draft.ip6.hop_limit = 255;
     }},
    {"broadcast MAC", [](Draft& draft, Random&) { draft.eth.dst = kBroadcastMac; }},
    {"multicast MAC", [](Draft& draft, Random&) { draft.eth.dst = kMulticastMac; }},
    {"zero MAC", [](Draft& draft, Random&) { draft.eth.dst = Mac{}; }},
    {"EtherType",
     [](Draft& draft, Random& random) {
       constexpr std::uint16_t kTypes[] = {0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x88cc, 0x888e, 0x0100, 0};
       draft.eth.type = random.pick(kTypes);
     }},
    {"tag", [](Draft& draft, Random&) { draft.tags.push_back(Vlan{.id = 100, .priority = 5}); }},
    {"priority tag", [](Draft& draft, Random&) { draft.tags.push_back(Vlan{.id = 0, .priority = 5}); }},
    {"priority tag in front",
     [](Draft& draft, Random&) { draft.tags.insert(draft.tags.begin(), Vlan{.id = 0, .priority = 3}); }},
    {"unknown tag",
     [](Draft& draft, Random& random) {
       draft.tags.push_back(Vlan{.id = static_cast<std::uint16_t>(random.below(4096))});
     }},
    {"service tag",
     [](Draft& draft, Random&) { draft.tags.insert(draft.tags.begin(), Vlan{.id = 100, .tpid = 0x88a8}); }},
    {"no tags", [](Draft& draft, Random&) { draft.tags.clear(); }},
    {"another port", [](Draft& draft, Random& random) { draft.port = random.below(kPortsEnd); }},
    {"by a neighbour port of the zone",
     [](Draft& draft, Random&) {
       if (draft.port != kOutside && draft.port != kParent) return;
       draft.port = draft.port == kOutside ? kParent : kOutside;
       draft.eth.dst = port_mac(draft.port);
     }},
    {"second queue", [](Draft& draft, Random&) { draft.queue = 1; }},
    {"payload", [](Draft& draft, Random& random) { draft.payload = random.below(200); }},
    {"as long as the MTU",
     [](Draft& draft, Random& random) {
       const std::size_t header = (draft.v6 ? 40 : 20) + (tcp_of(draft)                     ? 20
                                                          : icmp_of(draft) || udp_of(draft) ? 8
                                                                                            : 24);
       draft.payload = 1499 + random.below(3) - header;
     }},
    {"payload beyond the MTU", [](Draft& draft, Random& random) { draft.payload = random.between(1500, 3000); }},
    {"payload about a small MTU", [](Draft& draft, Random& random) { draft.payload = random.below(1400); }},
};

constexpr ByteMutator kBytes[] = {
    {"cut off",
     [](Bytes& frame, Random& random) { frame.resize(random.below(static_cast<std::uint32_t>(frame.size()) + 1)); }},
    {"cut in the headers",
     [](Bytes& frame, Random& random) { frame.resize(std::min<std::size_t>(frame.size(), random.between(14, 80))); }},
    {"padding", [](Bytes& frame, Random& random) { frame.resize(frame.size() + random.below(64), 0xa5); }},
    {"one byte",
     [](Bytes& frame, Random& random) {
       frame[random.below(static_cast<std::uint32_t>(frame.size()))] = static_cast<std::uint8_t>(random.below(256));
     }},
    {"one bit in the headers",
     [](Bytes& frame, Random& random) {
       const auto limit = static_cast<std::uint32_t>(std::min<std::size_t>(frame.size(), 80));
       frame[random.below(limit)] ^= static_cast<std::uint8_t>(1 << random.below(8));
     }},
    {"random bytes",
     [](Bytes& frame, Random& random) {
       for (std::size_t i = 14; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(random.below(256));
     }},
};

}  // namespace

const std::span<const FieldMutator> kFieldMutators = kFields;
const std::span<const ByteMutator> kByteMutators = kBytes;

Bytes Draft::bytes() const {
  Packet packet{Layer{eth}};
  for (const Vlan& tag : tags) packet /= Layer{tag};
  packet /= v6 ? Layer{ip6} : Layer{ip4};
  if (v6)
    for (const Layer& layer : between) packet /= layer;
  packet /= transport;
  packet /= is_quote ? Layer{Raw{.data = quoted}} : Layer{Payload(payload)};
  return packet.bytes();
}

}  // namespace twinpath::test
