#include "differential/world.hpp"

#include "common/wire/ipv4.h"

#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "differential/random_rule.hpp"
#include "tests/harness/namespace.hpp"

namespace twinpath::test {
namespace {

constexpr std::uint32_t kQueues = 2;
constexpr std::uint16_t kTag = 100, kInnerTag = 200;
constexpr std::uint32_t kPathsInternet = 4;
constexpr std::uint32_t kBudgetTicks = 5;  // a budget's second is short here, so that many of them are used up

// Index of the next hop of a neighbour.
std::uint16_t hop_index(std::uint32_t network, std::uint32_t host, std::uint8_t family) {
  return static_cast<std::uint16_t>((family == DP_FAMILY_V4 ? 0 : 1024) + network * 32 + host + 1);
}

// Ranges of sockets lie close together, in another order than the ports.
std::uint16_t first_socket(std::uint32_t port) { return static_cast<std::uint16_t>(40 - kQueues * port); }

std::uint16_t tag_of(std::uint32_t port) { return port == kTagged || port == kDoubleTagged ? kTag : 0; }

void put(int fd, const auto& key, const auto& value, const char* what) {
  if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) != 0)
    throw std::runtime_error(std::string("update ") + what + ": " + std::strerror(errno));
}

dp_next_hop random_hop(std::uint32_t network, std::uint32_t host, Random& random) {
  dp_next_hop hop{};
  const Mac neighbour{{0x02, 0xaa, static_cast<std::uint8_t>(random.below(256)), 0, static_cast<std::uint8_t>(network),
                       static_cast<std::uint8_t>(host)}};
  const PortNumber port = kNetworks[network].port;
  std::copy(neighbour.octets.begin(), neighbour.octets.end(), hop.destination_mac);
  std::copy_n(port_mac(port).octets.begin(), 6, hop.source_mac);
  hop.port = static_cast<__u16>(port);
  if (port != kDoubleTagged) hop.device = device_of(port);  // else of no device: it cannot send
  hop.vlan = tag_of(port);
  hop.mtu = static_cast<__u16>(random.percent(80) ? 1500 : random.between(40, 1500));
  hop.flags = DP_NEXT_HOP_UP;
  if (random.percent(94)) hop.flags |= DP_NEXT_HOP_RESOLVED;
  if (random.percent(3)) hop.flags = static_cast<__u16>(hop.flags & ~DP_NEXT_HOP_UP);
  if (random.percent(4)) hop.flags |= DP_NEXT_HOP_SOCKET;
  if (random.percent(3)) hop.flags |= DP_NEXT_HOP_FAILED;
  return hop;
}

__u32 raised(__u32 half) { return half == 0xffff ? 1 : half + 1; }

void name_address(const char* text, dp_address& address, int family) {
  address = dp_address{};
  if (inet_pton(family, text, &address) != 1) throw std::invalid_argument(text);
}

}  // namespace

Ip4 host4(const Network& network, std::uint32_t host) {
  Ip4 address = network.prefix4;
  if (network.bits4 <= 16) address.octets[2] = static_cast<std::uint8_t>(host % 9);
  address.octets[3] = static_cast<std::uint8_t>(host);
  return address;
}

Ip6 host6(const Network& network, std::uint32_t host) {
  Ip6 address = network.prefix6;
  if (network.bits6 <= 48) address.octets[7] = static_cast<std::uint8_t>(host % 9);
  address.octets[15] = static_cast<std::uint8_t>(host);
  return address;
}

dp_address address_of(const Ip4& address) {
  dp_address value{};
  std::memcpy(&value, address.octets.data(), 4);
  return value;
}

dp_address address_of(const Ip6& address) {
  dp_address value{};
  std::memcpy(&value, address.octets.data(), 16);
  return value;
}

// A VLAN device has its parent's, or one of its own.
Mac port_mac(std::uint32_t port) {
  Mac mac = kGatewayMac;
  mac.octets[5] = static_cast<std::uint8_t>(port == kDoubleTagged ? std::uint32_t{kParent} : port);
  return mac;
}

World::World(KernelSide& kernel, Random& random)
    : kernel_(kernel), routes_(kernel.route_rules.values(), kernel.routes.values(), kernel.fib.values()) {
  make_devices();
  for (const HostSocket& socket : kHostSockets) open_host_socket(socket);
  fill_settings();
  fill_ports();
  fill_next_hops(random);
  for (std::uint32_t bank = 0; bank < DP_BANKS; ++bank) {
    fill_routes(bank);
    fill_rules(bank, random);
  }
  fill_sockets();
}

void World::make_devices() {
  for (std::uint32_t port = kInside; port <= kParent; ++port) {
    const std::string device = "port" + std::to_string(port), peer = "peer" + std::to_string(port);
    const std::string queues = " numrxqueues 2 numtxqueues 2 ";
    const CommandOutput made = run_command("ip link add " + device + queues + "type veth peer name " + peer +
                                           " && ip link set " + device + " up && ip link set " + peer + " up");
    if (made.status != 0) throw std::runtime_error(made.output);
    ifindexes_[port] = if_nametoindex(device.c_str());
  }
  // for the host's own sockets: a way out to nobody, whom they need not look for
  const CommandOutput routed = run_command(
      "ip addr add 10.1.0.254/32 dev lo && ip -6 addr add 2001:db8:1::fe/128 dev lo nodad &&"
      " ip route add default dev lo && ip -6 route add default via fe80::2 dev port1 &&"
      " ip -6 neigh add fe80::2 lladdr 02:00:00:00:00:02 dev port1 nud permanent");
  if (routed.status != 0) throw std::runtime_error(routed.output);
  ifindexes_[0] = if_nametoindex("lo");
  ifindexes_[kTagged] = ifindexes_[kDoubleTagged] = ifindexes_[kParent];
}

// A socket of the host itself, for the kernel to find.
void World::open_host_socket(const HostSocket& wanted) {
  UniqueFd fd{::socket(wanted.v6 ? AF_INET6 : AF_INET, wanted.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int tries = 100;  // of a SYN that nobody answers: longer than any run
  if (wanted.type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_TCP, TCP_SYNCNT, &tries, sizeof(tries));
  const auto at = [&](const char* text, std::uint16_t port) {
    sockaddr_storage address{};
    if (wanted.v6) {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
      v6 = {AF_INET6, htons(port), 0, {}, 0};
      inet_pton(AF_INET6, text, &v6.sin6_addr);
    } else {
      auto& v4 = reinterpret_cast<sockaddr_in&>(address);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      inet_pton(AF_INET, text, &v4.sin_addr);
    }
    return address;
  };
  const sockaddr_storage own = at(wanted.own, wanted.own_port), far = at(wanted.far, wanted.far_port);
  const socklen_t size = wanted.v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  int failed = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), size);
  if (failed == 0 && wanted.waits) failed = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&far), size);
  if (failed == 0 && !wanted.waits && wanted.type == SOCK_STREAM) failed = ::listen(fd.get(), 1);
  if (failed != 0 && errno != EINPROGRESS)
    throw std::runtime_error(std::string("host socket: ") + std::strerror(errno));
  host_sockets_.push_back(std::move(fd));
  if (!wanted.waits) return;
  Connection connection;
  connection.family = wanted.v6 ? DP_FAMILY_V6 : DP_FAMILY_V4;
  connection.protocol = wanted.type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
  name_address(wanted.far, connection.source, wanted.v6 ? AF_INET6 : AF_INET);
  name_address(wanted.own, connection.destination, wanted.v6 ? AF_INET6 : AF_INET);
  connection.source_port = wanted.far_port;
  connection.destination_port = wanted.own_port;
  attachments_.connections.push_back(connection);
}

void World::fill_settings() {
  dp_settings& settings = kernel_.settings[0];
  settings = {};
  settings.layout_version = DP_LAYOUT_VERSION;
  settings.stamp = 1u << 16 | 1;
  settings.ticks_per_second = kBudgetTicks;
  settings.heartbeat_limit = 0xffffffff;
  settings.v4 = {0x1234567890abcdef, kBuckets4 * 2, kBuckets4 * DP_FLOW_LANES / 4};
  settings.v6 = {0xfedcba0987654321, kBuckets6 * 2, kBuckets6 * DP_FLOW_LANES / 4};
  settings.timeouts = {1000, 100000, 1000, 500, 1000, 5000, 500, 5000};
  for (__u32& budget : settings.budget) budget = 100000;
  settings.log_events = 0xffffffff;  // time stands still between two frames: a bound would suppress nearly all
  settings.ecmp_seed = 0x0123456789abcdef;
}

void World::fill_ports() {
  constexpr std::uint8_t kZones[kPortsEnd] = {0, 2, 3, 4, 3, 5, 2};
  constexpr std::uint8_t kChecks[kPortsEnd] = {0,
                                               DP_SOURCE_CHECK_STRICT,
                                               DP_SOURCE_CHECK_LOOSE,
                                               DP_SOURCE_CHECK_OFF,
                                               DP_SOURCE_CHECK_STRICT,
                                               DP_SOURCE_CHECK_STRICT,
                                               DP_SOURCE_CHECK_OFF};
  for (std::uint32_t number = kInside; number < kPortsEnd; ++number) {
    dp_port& port = kernel_.ports[number];
    port.device = device_of(number);
    std::copy_n(port_mac(number).octets.begin(), 6, port.mac);
    port.zone = kZones[number];
    port.source_check = kChecks[number];
    port.flags = DP_PORT_PRESENT | DP_PORT_UP;
    if (number == kWorkload) port.flags |= DP_PORT_WORKLOAD;
    if (number % 2 == 0) port.flags |= DP_PORT_RA;
    port.pass_ethertypes[0] = 0x888e;
    port.pass_ethertypes[number % DP_PORT_ETHERTYPES_MAX] = 0x88cc;
    if (number != kOutside) port.flags |= DP_PORT_MACS;
    std::memcpy(&kernel_.port_macs[number].mac[number], kVirtualMac.octets.data(), 6);
    port.vlan = tag_of(number);
    port.mtu = 1500;
  }
  for (std::uint32_t number = kInside; number <= kParent; ++number) fill_device(number);
  attachments_.vlan_ports = {{{device_of(kParent), kTag, 0, 0}, kTagged},
                             {{device_of(kParent), kTag, kInnerTag, 0}, kDoubleTagged}};
  for (const auto& [key, number] : attachments_.vlan_ports) put(kernel_.map("vlan_ports"), key, number, "vlan_ports");
}

// The device of the untagged port `number`.
void World::fill_device(std::uint32_t number) {
  const std::uint16_t device = device_of(number);
  const std::uint32_t ifindex = ifindexes_[number];
  const auto queues = static_cast<__u16>(number == kOutside ? 1 : kQueues);
  const auto flags = static_cast<__u16>(DP_DEVICE_PRESENT | (number == kParent ? DP_DEVICE_VLANS : 0));
  kernel_.devices[device] = {ifindex, first_socket(number), queues, flags, 0, 0};
  std::uint32_t probe = 0;
  while (kernel_.ingress[dp_ingress_slot(ifindex, probe)].ifindex != 0) ++probe;
  kernel_.ingress[dp_ingress_slot(ifindex, probe)] = {ifindex, device, static_cast<__u16>(number)};
  put(kernel_.map("tx_devices"), std::uint32_t{device}, ifindex, "tx_devices");
  attachments_.sends[device] = true;
}

// A socket with a receive ring is enough to stand in the map; no frame ever reaches it.
void World::fill_sockets() {
  socket_ = UniqueFd{::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)};
  const int ring = 64;
  if (!socket_ || ::setsockopt(socket_.get(), SOL_XDP, XDP_RX_RING, &ring, sizeof(ring)) != 0)
    throw std::runtime_error(std::string("AF_XDP socket: ") + std::strerror(errno));
  for (std::uint32_t port = kInside; port <= kParent; ++port)
    for (std::uint32_t queue = 0; queue < kQueues; ++queue) {
      if (port == kParent && queue == 1) continue;  // a queue whose socket is missing
      const std::uint32_t index = first_socket(port) + queue;
      put(kernel_.map("sockets"), index, socket_.get(), "sockets");
      attachments_.socket[index] = true;
    }
}

void World::set_neighbour(std::uint32_t network, std::uint32_t host, std::uint8_t family, bool known) {
  dp_neighbour_key key{};
  const Network& at = kNetworks[network];
  key.address = family == DP_FAMILY_V4 ? address_of(host4(at, host)) : address_of(host6(at, host));
  key.port = static_cast<__u16>(at.port);
  key.family = family;
  const std::uint32_t index = hop_index(network, host, family);
  if (known)
    put(kernel_.map("neighbours"), key, index, "neighbours");
  else
    (void)bpf_map_delete_elem(kernel_.map("neighbours"), &key);
}

void World::fill_next_hops(Random& random) {
  for (std::uint32_t network = 0; network < kNetworkCount; ++network)
    for (std::uint32_t host = 1; host <= kGatewayFirst + 3; ++host)
      for (std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
        kernel_.next_hops[hop_index(network, host, family)] = random_hop(network, host, random);
        if (kNetworks[network].on_link) set_neighbour(network, host, family, random.percent(92));
      }
}

// Every selector and every action of policy routing, each for a small part of the flows.
std::vector<dp_route_rule> World::route_rules(std::uint8_t family) {
  const auto rule = [](dp_route_action action, std::uint8_t protocol, std::uint16_t low, std::uint16_t high) {
    dp_route_rule out{};
    out.action = static_cast<__u8>(action);
    out.protocol = protocol;
    out.source_port_low = low;
    out.source_port_high = high;
    return out;
  };
  std::vector<dp_route_rule> rules{rule(DP_ROUTE_ASK_PROHIBIT, DP_PROTOCOL_UDP, 64000, 65535),
                                   rule(DP_ROUTE_ASK_BLACKHOLE, DP_PROTOCOL_TCP, 62500, 63999),
                                   rule(DP_ROUTE_ASK_PROHIBIT, 0, 0, 0),
                                   rule(DP_ROUTE_ASK_UNREACHABLE, 0, 50000, 60000),
                                   rule(DP_ROUTE_ASK_JUMP, 0, 0, 0),
                                   rule(DP_ROUTE_ASK_TREE, 0, 1024, 20000),
                                   rule(DP_ROUTE_ASK_BLACKHOLE, 0, 1024, 20000)};
  rules[2].destination_port_low = 61000;  // of answers: what the source check asks
  rules[2].destination_port_high = 61500;
  const Network& inside = kNetworks[0];
  rules[3].source = family == DP_FAMILY_V4 ? address_of(host4(inside, 8)) : address_of(host6(inside, 8));
  rules[3].source_mask = mask_of(family == DP_FAMILY_V4 ? 29 : 125);
  rules[4].port = kWorkload;  // all others jump over the two rules for its packets
  rules[4].invert = 1;
  rules[4].target = 7;
  rules[5].bits_at_least = family == DP_FAMILY_V4 ? 24 : 64;
  return rules;
}

void World::fill_routes(std::uint32_t bank) {
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) routes_.ask_first(bank, family, route_rules(family));
  const std::uint32_t first = bank * 32;
  const NetworkNumber behind = kNetBehind;
  constexpr std::uint32_t kVia[kPathsInternet] = {1, 1, 4, 1};  // networks of the gateways: outside, tagged
  for (std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    const std::uint32_t at = first + (family == DP_FAMILY_V4 ? 0 : 16);
    const auto path = [&](std::uint32_t index, std::uint32_t network, std::uint32_t host) {
      kernel_.paths[at + index] = {hop_index(network, host, family), static_cast<__u16>(kNetworks[network].port), 0, 0};
    };
    path(0, 0, kGatewayFirst);
    for (std::uint32_t i = 0; i < kPathsInternet; ++i) path(1 + i, kVia[i], kGatewayFirst + i);
    path(1 + kPathsInternet, 1, kGatewayFirst);
    kernel_.paths[at + 1 + kPathsInternet].next_hop = 0;  // a gateway that Linux does not know yet
  }
  const auto via = [first](std::uint32_t path, std::uint8_t count) {
    return dp_route{DP_ROUTE_VIA, count, 0, static_cast<__u16>(first + path), 0, 0};
  };
  for (const Network& network : kNetworks) {
    if (!network.on_link) continue;
    const dp_route route{DP_ROUTE_ON_LINK, 0, static_cast<__u16>(network.port), 0, 0, 0};
    routes_.add(bank, network.prefix4, network.bits4, route);
    routes_.add(bank, network.prefix6, network.bits6, route);
  }
  routes_.add(bank, kNetworks[behind].prefix4, kNetworks[behind].bits4, via(0, 1));
  routes_.add(bank, kNetworks[behind].prefix6, kNetworks[behind].bits6, via(16, 1));
  routes_.add(bank, "0.0.0.0", 0, via(1, kPathsInternet));
  if (bank == 0) routes_.add(bank, "::", 0, via(17, kPathsInternet));  // in the other bank most of IPv6 has no route
  routes_.add(bank, "2600::", 16, via(17, bank == 0 ? kPathsInternet : 2));
  routes_.add(bank, "1.0.5.0", 24, via(1 + kPathsInternet, 1));
  const dp_route local{DP_ROUTE_LOCAL, 0, kInside, 0, 0, 0}, broadcast{DP_ROUTE_BROADCAST, 0, kInside, 0, 0, 0};
  for (const char* own : {"10.1.0.254", "203.0.113.254", "192.0.2.254"}) routes_.add(bank, own, 32, local);
  for (const char* own : {"2001:db8:1::fe", "2001:db8:2::fe", "fe80::1"}) routes_.add(bank, own, 128, local);
  routes_.add(bank, "10.1.0.255", 32, broadcast);
  routes_.add(bank, "198.18.0.0", 16, {DP_ROUTE_BLACKHOLE, 0, 0, 0, 0, 0});
  routes_.add(bank, "198.19.0.0", 16, {DP_ROUTE_UNREACHABLE, 0, 0, 0, 0, 0});
  routes_.add(bank, "172.16.0.0", 12, {DP_ROUTE_NOT_A_PORT, 0, 0, 0, 0, 0});
  routes_.add(bank, "10.9.0.0", 16, {DP_ROUTE_ON_LINK, 0, 60, 0, 0, 0});  // a port that is none
  routes_.add(bank, "2001:db8:dead::", 48, {DP_ROUTE_BLACKHOLE, 0, 0, 0, 0, 0});
  routes_.add(bank, "2001:db8:beef::", 48, {DP_ROUTE_UNREACHABLE, 0, 0, 0, 0, 0});
  routes_.add(bank, "2001:db8:face::", 48, {DP_ROUTE_NOT_A_PORT, 0, 0, 0, 0, 0});
  routes_.add(bank, "1.0.6.0", 24, {DP_ROUTE_THROW, 0, 0, 0, 0, 0});
  routes_.add(bank, "1.0.7.0", 24, {DP_ROUTE_PROHIBITED, 0, 0, 0, 0, 0});
  if (bank == 0) return;
  // longer prefixes that lead some live flows into another zone when this bank comes into force
  const dp_route moved{DP_ROUTE_ON_LINK, 0, kWorkload, 0, 0, 0};
  routes_.add(bank, "10.2.7.0", 24, moved);
  routes_.add(bank, "2001:db8:1000:7::", 64, moved);
  routes_.add(bank, "203.0.113.8", 30, via(0, 1));
}

void World::fill_rules(std::uint32_t bank, Random& random) {
  std::uint32_t next = 0;
  for (std::uint32_t from = 0; from <= 5; ++from)
    for (std::uint32_t to = 0; to <= 5; ++to) {
      dp_zone_pair& pair = kernel_.zone_pairs[(bank * DP_ZONES_MAX + from) * DP_ZONES_MAX + to];
      pair = {};
      pair.first = static_cast<__u16>(next);
      pair.count = static_cast<__u16>(random.below(10));
      pair.default_action = static_cast<__u8>(random.percent(60) ? std::uint32_t{DP_ACTION_ALLOW} : random.below(3));
      for (std::uint32_t i = 0; i < pair.count; ++i) kernel_.rules[bank * DP_RULES_MAX + next++] = random_rule(random);
    }
}

// As the control plane does: the idle bank is built, then one word makes it the one in force. Routes change with it.
void World::change_rules(Random& random) {
  const std::uint32_t idle = settings().policy_bank ^ 1;
  fill_rules(idle, random);
  settings().policy_bank = idle;
  settings().route_bank = idle;
  change_generation();
}

void World::change_generation() {
  const __u32 stamp = settings().stamp;
  settings().stamp = raised(stamp >> 16) << 16 | (stamp & 0xffff);
}

void World::change_epoch() {
  const __u32 stamp = settings().stamp;
  settings().stamp = (stamp & 0xffff0000) | raised(stamp & 0xffff);
}

void World::change_next_hop(Random& random) {
  const std::uint32_t network = random.below(kNetworkCount), host = random.between(1, kGatewayFirst + 3);
  const std::uint8_t family = random.percent(50) ? DP_FAMILY_V4 : DP_FAMILY_V6;
  kernel_.next_hops[hop_index(network, host, family)] = random_hop(network, host, random);
}

void World::change_neighbour(Random& random) {
  const std::uint32_t network = random.below(kNetBehind), host = random.between(1, kHosts);
  set_neighbour(network, host, random.percent(50) ? DP_FAMILY_V4 : DP_FAMILY_V6, random.percent(80));
}

void World::change_timeouts(Random& random) {
  dp_timeouts& timeouts = settings().timeouts;
  for (__u32* timeout : {&timeouts.tcp_syn, &timeouts.tcp_established, &timeouts.tcp_closing, &timeouts.tcp_reset,
                         &timeouts.udp, &timeouts.udp_stream, &timeouts.icmp, &timeouts.other})
    *timeout = random.percent(50) ? random.between(1, 50) : 100000;
}

void World::change_budgets(Random& random) {
  for (__u32& budget : settings().budget) budget = random.percent(70) ? 100000 : random.below(20);
  for (__u32& share : settings().budget_share) share = random.percent(70) ? 0 : random.below(20);
}

namespace {

constexpr Event kAllEvents[] = {
    {"other rules", [](World& world, Random& random) { world.change_rules(random); }},
    {"next generation", [](World& world, Random&) { world.change_generation(); }},
    {"next route epoch", [](World& world, Random&) { world.change_epoch(); }},
    {"next hop changes", [](World& world, Random& random) { world.change_next_hop(random); }},
    {"neighbour comes or goes", [](World& world, Random& random) { world.change_neighbour(random); }},
    {"timeouts", [](World& world, Random& random) { world.change_timeouts(random); }},
    {"budgets", [](World& world, Random& random) { world.change_budgets(random); }},
    {"tables are crowded",
     [](World& world, Random& random) { world.settings().crowded = static_cast<__u8>(random.below(4)); }},
    {"the daemon dies or comes back",
     [](World& world, Random&) { world.settings().heartbeat_limit = ~world.settings().heartbeat_limit; }},
    {"pickup", [](World& world, Random&) { world.settings().pickup ^= 1; }},
    {"pickup grace",
     [](World& world, Random& random) {
       world.settings().pickup_grace ^= 1;
       world.settings().pickup_until = random.word();
       world.settings().pickup_ticks = random.word();
     }},
};

}  // namespace

const std::span<const Event> kEvents = kAllEvents;

}  // namespace twinpath::test
