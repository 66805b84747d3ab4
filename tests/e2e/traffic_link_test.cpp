// What belongs to the link: tags, stations, DHCP, neighbours and routers, link-local addresses. Linux without the gateway is
// the control wherever it has an opinion.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "harness/gateway_lab.hpp"
#include "harness/packet.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

const Mac kLan = lab_mac(1, 1), kWan = lab_mac(2, 1), kClient = lab_mac(1, 2), kServer = lab_mac(2, 2);
const Mac kVirtual{{0x00, 0x00, 0x5e, 0x00, 0x01, 0x33}};
constexpr std::chrono::milliseconds kSoon{3000};

// Frames that arrive at a device and are such.
class Ear {
 public:
  Ear(const TestNamespace& part, const std::string& device, std::function<bool(std::span<const std::uint8_t>)> wanted)
      : listener_(part, device, [this, wanted = std::move(wanted)](const Heard& heard) {
          if (!heard.outgoing && wanted(heard.frame)) ++count_;
        }) {}
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] bool hears(int frames) const {
    return eventually([&] { return count_ >= frames; }, kSoon);
  }

 private:
  std::atomic<int> count_{0};
  Listener listener_;
};

std::uint16_t type_of(std::span<const std::uint8_t> frame) {
  return static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
}
bool echo_reply(std::span<const std::uint8_t> frame) {
  return frame.size() >= 42 && type_of(frame) == 0x0800 && frame[23] == 1 && frame[34] == 0;
}
bool arp_reply(std::span<const std::uint8_t> frame) {
  return frame.size() >= 42 && type_of(frame) == 0x0806 && frame[21] == 2;
}
bool advertisement(std::span<const std::uint8_t> frame) {
  return frame.size() >= 78 && type_of(frame) == 0x86dd && frame[20] == 58 && frame[54] == 136;
}
// UDP over IPv4 or IPv6 to this port.
std::function<bool(std::span<const std::uint8_t>)> udp_to(std::uint16_t port) {
  return [port](std::span<const std::uint8_t> frame) {
    const bool v6 = frame.size() >= 62 && type_of(frame) == 0x86dd && frame[20] == 17;
    const bool v4 = frame.size() >= 42 && type_of(frame) == 0x0800 && frame[23] == 17;
    const std::size_t at = v6 ? 56 : 36;
    return (v4 || v6) && (frame[at] << 8 | frame[at + 1]) == port;
  };
}

Eth from_client() { return Eth{.dst = kLan, .src = kClient}; }
Eth from_server() { return Eth{.dst = kWan, .src = kServer}; }

void start(
    GatewayLab& lab, const std::function<void(nlohmann::json&)>& change = [](nlohmann::json&) {}) {
  lab.obtain_next_hops();
  nlohmann::json document = lab.config(kAllowOut);
  document["flows"]["pickup"] = "strict";
  change(document);
  lab.start(document);
}

std::string sysctl(const GatewayLab& lab, const std::string& name) {
  std::string value = lab.gateway.run("sysctl -n " + name);
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

// An advertisement of a router that wants to be everybody's, with its MAC address.
Bytes router_advertisement(const Mac& source, const Mac& destination) {
  Bytes body = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1};  // reachable time, retransmit timer, source link-layer address
  body.insert(body.end(), source.octets.begin(), source.octets.end());
  // 134, hop limit 64, no flags, a lifetime of 1800 s: identifier and sequence are in their place
  return (Eth{.dst = destination, .src = source} /
          Ipv6{.src = "fe80::74:77ff:fe00:202", .dst = "ff02::1", .hop_limit = 255} /
          Icmp{.type = 134, .id = 64 << 8, .sequence = 1800} / Raw{.data = body})
      .bytes();
}

std::string routes_by_advertisement(const GatewayLab& lab) { return lab.gateway.run("ip -6 route show proto ra"); }

}  // namespace

TEST_CASE("a frame whose tag names no VLAN is a frame of the port, as Linux takes it") {
  if (!require_root()) return;
  GatewayLab lab{"vid0"};
  CAPTURE(lab.log());
  const Ear at_client(lab.client, "eth0", echo_reply), at_server(lab.server, "eth0", udp_to(4001));
  const Sender client(lab.client, "eth0");
  const Vlan priority{.id = 0, .priority = 5};
  const Bytes to_host = (from_client() / priority / Ipv4{.src = "10.1.0.2", .dst = "10.1.0.1"} / Icmp{}).bytes();
  client.send(to_host);
  REQUIRE(at_client.hears(1));  // Linux alone
  start(lab);
  client.send(to_host);
  CHECK(at_client.hears(2));
  for (const Vlan& tag : {priority, Vlan{.id = 0, .tpid = 0x88a8}})
    client.send((from_client() / tag / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2"} / Udp{.dport = 4001}).bytes());
  CHECK(at_server.hears(2));
  client.send((from_client() / Vlan{.id = 7} / Ipv4{.src = "10.1.0.2", .dst = "10.1.0.1"} / Icmp{}).bytes());
  CHECK(eventually([&] { return lab.drops("unknown_vlan") == 1; }, kSoon));
  CHECK(at_client.count() == 2);
}

TEST_CASE("a DHCP answer for an address that is not the host's yet reaches Linux, which forwards it to nobody") {
  if (!require_root()) return;
  GatewayLab lab{"dhcp"};
  CAPTURE(lab.log());
  start(lab, [](nlohmann::json& document) { document["zones"]["host"]["default"] = "drop"; });
  lab.gateway.run("sysctl -qw net.ipv4.ip_forward=1");
  const Ear in_linux(lab.gateway, "wan0", udp_to(68)), at_client(lab.client, "eth0", udp_to(68));
  const Sender server(lab.server, "eth0");
  const Udp answer{.sport = 67, .dport = 68};
  server.send((from_server() / Ipv4{.src = "10.2.0.2", .dst = "10.2.0.133"} / answer / Payload(240)).bytes());
  CHECK(in_linux.hears(1));
  // an address behind another port: an offer to the uplink, or an attempt to get past the rules
  server.send((from_server() / Ipv4{.src = "10.2.0.2", .dst = "10.1.0.2"} / answer / Payload(240)).bytes());
  CHECK(in_linux.hears(2));
  server.send((Eth{.dst = kBroadcastMac, .src = kServer} / Ipv4{.src = "10.2.0.2", .dst = "255.255.255.255"} / answer /
               Payload(240))
                  .bytes());
  CHECK(in_linux.hears(3));
  CHECK(at_client.count() == 0);
}

TEST_CASE("link-local addresses and the limited broadcast follow no route, and another port's are not the host's") {
  if (!require_root()) return;
  GatewayLab lab{"linklocal"};
  CAPTURE(lab.log());
  lab.gateway.run(
      "ip route add default via 10.2.0.2 && ip -6 route add default via 2001:db8:2::2 && "
      "ip -6 addr add fe80::a/64 dev lan0 nodad && ip -6 addr add fe80::b/64 dev wan0 nodad");
  start(lab);
  const Ear at_server(lab.server, "eth0", udp_to(4002)), in_linux(lab.gateway, "lan0", udp_to(4002));
  const Sender client(lab.client, "eth0");
  const Udp udp{.dport = 4002};
  const auto refused = [&](const Bytes& frame, const char* reason) {
    const std::uint64_t before = lab.drops(reason);
    client.send(frame);
    return eventually([&] { return lab.drops(reason) == before + 1; }, kSoon);
  };
  CHECK(refused((from_client() / Ipv6{.src = "2001:db8:1::2", .dst = "fe80::dead:beef"} / udp).bytes(),
                "martian_destination"));
  CHECK(refused((from_client() / Ipv4{.src = "10.1.0.2", .dst = "169.254.169.254"} / udp).bytes(),
                "martian_destination"));
  CHECK(refused((from_client() / Ipv6{.src = "fe80::5", .dst = "2001:db8:2::2"} / udp).bytes(), "martian_source"));
  CHECK(refused((from_client() / Ipv6{.src = "2001:db8:1::2", .dst = "fe80::b"} / udp).bytes(), "martian_destination"));
  CHECK(in_linux.count() == 0);
  client.send((from_client() / Ipv6{.src = "2001:db8:1::2", .dst = "fe80::a"} / udp).bytes());
  CHECK(in_linux.hears(1));
  client.send((from_client() / Ipv4{.src = "10.1.0.2", .dst = "255.255.255.255"} / udp).bytes());
  CHECK(in_linux.hears(2));
  // as Linux: 240.0.0.0/4 and 0.1.2.3 are unicast
  for (const char* unicast : {"240.1.2.3", "0.1.2.3"})
    client.send((from_client() / Ipv4{.src = "10.1.0.2", .dst = unicast} / udp).bytes());
  CHECK(at_server.hears(2));
  CHECK(at_server.count() == 2);
}

TEST_CASE("an IPv6 group address in a unicast frame is taken as sent (RFC 6085)") {
  if (!require_root()) return;
  GatewayLab lab{"rfc6085"};
  CAPTURE(lab.log());
  const Ear at_client(lab.client, "eth0", advertisement);
  const Sender client(lab.client, "eth0");
  Bytes target(16);
  const Ip6 own("2001:db8:1::1");
  std::copy(own.octets.begin(), own.octets.end(), target.begin());
  target.insert(target.end(), {1, 1});  // source link-layer address
  target.insert(target.end(), kClient.octets.begin(), kClient.octets.end());
  const Bytes solicitation = (from_client() / Ipv6{.src = "2001:db8:1::2", .dst = "ff02::1:ff00:1", .hop_limit = 255} /
                              Icmp{.type = 135, .id = 0, .sequence = 0} / Raw{.data = target})
                                 .bytes();
  client.send(solicitation);
  REQUIRE(at_client.hears(1));  // Linux alone
  start(lab);
  const int before = at_client.count();
  client.send(solicitation);
  CHECK(at_client.hears(before + 1));
}

TEST_CASE("a port passes the L2 protocols that its configuration names, and no others") {
  if (!require_root()) return;
  GatewayLab lab{"ethertypes"};
  CAPTURE(lab.log());
  start(lab, [](nlohmann::json& document) { document["ports"][1]["pass_ethertypes"] = {"lldp", "0x88b5"}; });
  const auto of_type = [](std::uint16_t type) {
    return [type](std::span<const std::uint8_t> frame) { return type_of(frame) == type; };
  };
  const Ear eapol(lab.gateway, "lan0", of_type(0x888e)), pppoe(lab.gateway, "lan0", of_type(0x8863));
  const Ear local(lab.gateway, "wan0", of_type(0x88b5)), refused(lab.gateway, "wan0", of_type(0x888e));
  const Sender client(lab.client, "eth0"), server(lab.server, "eth0");
  for (const std::uint16_t type : {0x888e, 0x8863})
    client.send((Eth{.dst = kLan, .src = kClient, .type = type} / Payload(46)).bytes());
  for (const std::uint16_t type : {0x88b5, 0x888e})
    server.send((Eth{.dst = kWan, .src = kServer, .type = type} / Payload(46)).bytes());
  CHECK(eapol.hears(1));
  CHECK(pppoe.hears(1));
  CHECK(local.hears(1));
  CHECK(eventually([&] { return lab.drops("unknown_ethertype") == 1; }, kSoon));
  CHECK(refused.count() == 0);
}

TEST_CASE("a virtual router's MAC address, of a macvlan or of the configuration, is the port's") {
  if (!require_root()) return;
  GatewayLab lab{"vmac"};
  CAPTURE(lab.log());
  lab.gateway.run(
      "ip link add vrrp51 link lan0 address 00:00:5e:00:01:33 type macvlan mode bridge && "
      "ip addr add 10.1.0.254/32 dev vrrp51 && ip link set vrrp51 up");
  const Ear at_client(lab.client, "eth0", echo_reply), at_server(lab.server, "eth0", udp_to(4003));
  const Sender client(lab.client, "eth0");
  start(lab, [](nlohmann::json& document) { document["ports"][0]["macs"] = {"00:00:5e:00:01:07"}; });
  CHECK(lab.get("/v1/ports")["ports"][0]["macs"] == nlohmann::json({"00:00:5e:00:01:07", "00:00:5e:00:01:33"}));
  const Eth to_router{.dst = kVirtual, .src = kClient};
  client.send((to_router / Ipv4{.src = "10.1.0.2", .dst = "10.1.0.254"} / Icmp{}).bytes());
  CHECK(at_client.hears(1));
  const Ipv4 through{.src = "10.1.0.2", .dst = "10.2.0.2"};
  for (int i = 0; i < 3; ++i) client.send((to_router / through / Udp{.dport = 4003}).bytes());
  CHECK(at_server.hears(3));
  Mac configured = kVirtual;
  configured.octets[5] = 7;
  client.send((Eth{.dst = configured, .src = kClient} / through / Udp{.dport = 4003}).bytes());
  CHECK(at_server.hears(4));
  CHECK(lab.policies("protocol=udp&port=4003").size() == 1);
  lab.gateway.run("ip link del vrrp51");
  CHECK(eventually([&] { return lab.get("/v1/ports")["ports"][0]["macs"].size() == 1; }, kSoon));
  client.send((to_router / through / Udp{.dport = 4003}).bytes());
  CHECK(eventually([&] { return lab.drops("not_our_mac") == 1; }, kSoon));
}

TEST_CASE("UDP without a source port is forwarded (RFC 768)") {
  if (!require_root()) return;
  GatewayLab lab{"udpzero"};
  CAPTURE(lab.log());
  start(lab);
  const Ear at_server(lab.server, "eth0", udp_to(514));
  const Sender client(lab.client, "eth0");
  const Udp syslog{.sport = 0, .dport = 514};
  for (int i = 0; i < 2; ++i)
    client.send((from_client() / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2"} / syslog / Payload(9)).bytes());
  client.send((from_client() / Ipv6{.src = "2001:db8:1::2", .dst = "2001:db8:2::2"} / syslog / Payload(9)).bytes());
  CHECK(at_server.hears(3));
}

TEST_CASE("router advertisements and redirects count on no port but those that accept them") {
  if (!require_root()) return;
  GatewayLab lab{"routers"};
  CAPTURE(lab.log());
  lab.gateway.run(
      "sysctl -qw net.ipv6.conf.lan0.accept_ra=1 net.ipv6.conf.wan0.accept_ra=1 "
      "net.ipv6.conf.lan0.accept_redirects=1 net.ipv6.conf.lan0.forwarding=0");
  const Sender server(lab.server, "eth0"), client(lab.client, "eth0");
  const Bytes from_wan = router_advertisement(kServer, kMulticastMac);
  server.send(from_wan);
  REQUIRE(eventually([&] { return !routes_by_advertisement(lab).empty(); }, kSoon));  // Linux alone
  start(lab);
  CHECK(sysctl(lab, "net.ipv6.conf.lan0.accept_ra") == "0");
  CHECK(sysctl(lab, "net.ipv6.conf.lan0.accept_redirects") == "0");
  CHECK(sysctl(lab, "net.ipv4.conf.lan0.accept_redirects") == "0");
  CHECK(sysctl(lab, "net.ipv6.conf.lan0.forwarding") == "1");
  CHECK(sysctl(lab, "net.ipv6.conf.all.forwarding") == "0");
  CHECK(eventually([&] { return routes_by_advertisement(lab).empty(); }, kSoon));
  server.send(from_wan);
  client.send(router_advertisement(kClient, kLan));
  client.send((from_client() / Ipv4{.src = "10.1.0.2", .dst = "10.1.0.1"} / Icmp{.type = 5, .code = 1} /
               Ipv4{.src = "10.1.0.1", .dst = "10.9.0.1"} / Udp{})
                  .bytes());
  CHECK(eventually([&] { return lab.drops("router_advertisement") == 3; }, kSoon));
  CHECK(routes_by_advertisement(lab).empty());
  // accepted by a reload, on one port
  nlohmann::json document = lab.get("/v1/config");
  document["ports"][1]["ra"] = "accept";
  REQUIRE(lab.request("PUT", "/v1/config", document.dump()).status == 200);
  CHECK(sysctl(lab, "net.ipv6.conf.wan0.accept_ra") == "2");
  server.send(from_wan);
  CHECK(eventually([&] { return !routes_by_advertisement(lab).empty(); }, kSoon));
  CHECK(lab.drops("router_advertisement") == 3);
  lab.clean();
  CHECK(sysctl(lab, "net.ipv6.conf.lan0.accept_ra") == "1");
  CHECK(sysctl(lab, "net.ipv6.conf.wan0.accept_ra") == "1");
  CHECK(sysctl(lab, "net.ipv6.conf.lan0.accept_redirects") == "1");
  CHECK(sysctl(lab, "net.ipv6.conf.lan0.forwarding") == "0");
}

TEST_CASE("the gateway's neighbour advertisements say that it is a router") {
  if (!require_root()) return;
  GatewayLab lab{"naflag"};
  CAPTURE(lab.log());
  start(lab);
  constexpr std::uint8_t kRouterFlag = 0x80;
  const Ear routers(lab.client, "eth0", [](std::span<const std::uint8_t> frame) {
    return advertisement(frame) && (frame[58] & kRouterFlag) != 0;
  });
  lab.client.run("ip -6 neigh flush dev eth0; ping -q -c 1 -W 3 2001:db8:1::1");
  CHECK(routers.hears(1));
}

TEST_CASE("a flood of ARP from one port leaves the others their share") {
  if (!require_root()) return;
  GatewayLab lab{"shares"};
  CAPTURE(lab.log());
  start(lab, [](nlohmann::json& document) { document["engine"]["budget_pps"] = {{"host", 200}}; });
  const auto request = [](const Mac& mac, const char* from, const char* to) {
    return (Eth{.dst = kBroadcastMac, .src = mac} / Arp{.sender_mac = mac, .sender = from, .target = to}).bytes();
  };
  const std::vector<Bytes> flood(5000, request(kClient, "10.1.0.2", "10.1.0.99"));
  const Ear at_server(lab.server, "eth0", arp_reply);
  const Sender client(lab.client, "eth0"), server(lab.server, "eth0");
  std::atomic<bool> done{false};
  std::thread flooding([&] {
    while (!done) (void)client.flood(flood);
  });
  constexpr int kAsked = 20;  // of a share of 50 in each second
  std::this_thread::sleep_for(std::chrono::milliseconds{1200});
  for (int i = 0; i < kAsked; ++i) {
    server.send(request(kServer, "10.2.0.2", "10.2.0.1"));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  CHECK(at_server.hears(kAsked));
  done = true;
  flooding.join();
  CHECK(lab.drops("host_budget") > 0);
}

TEST_CASE("a rejected packet gets an answer from nobody when its sender is none, or its checksum wrong") {
  if (!require_root()) return;
  GatewayLab lab{"answers"};
  CAPTURE(lab.log());
  start(lab, [](nlohmann::json& document) { document["rules"][0]["action"] = "reject"; });
  const Ear resets(lab.client, "eth0", [](std::span<const std::uint8_t> frame) {
    return frame.size() >= 54 && type_of(frame) == 0x0800 && frame[23] == 6 && (frame[47] & tcp::kRst) != 0;
  });
  const Sender client(lab.client, "eth0");
  const Ipv4 ip{.src = "10.1.0.2", .dst = "10.2.0.2"};
  Mac group = kClient;
  group.octets[0] |= 1;
  for (const Mac& station : {kBroadcastMac, group, kLan, Mac{}})
    client.send((Eth{.dst = kLan, .src = station} / ip / Tcp{}).bytes());
  client.send((from_client() / ip / Tcp{.checksum = 1}).bytes());
  CHECK(eventually([&] { return lab.drops("rule_reject") == 5; }, kSoon));
  CHECK(resets.count() == 0);
  client.send((from_client() / ip / Tcp{}).bytes());
  CHECK(resets.hears(1));
}
