// gateway_tables.hpp - the tables of a small gateway in plain memory, for everything that is decided without a network.
//
//   inside  (zone 2) port 1 "lan"  192.0.2.0/24     2001:db8::/64      gateway 192.0.2.254, 2001:db8::fe
//   outside (zone 3) port 2 "wan"  198.51.100.0/24  2001:db8:1::/64    gateway 198.51.100.254, 2001:db8:1::fe
//   fe80::fe and 169.254.7.254 are own addresses of port 1, fe80::1:fe is of port 2, fe80::5 of several devices.
//   203.0.113.0/24 and 2001:db8:2::/64 lie behind 198.51.100.1 and 2001:db8:1::1.
// Hosts .1 (and ::1) of both links are resolved neighbours, .9 (and ::9) are in the table and not resolved, others are
// not known. The default of each zone pair is drop; allow() adds a rule for everything.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "engine/env.hpp"
#include "harness/packet.hpp"
#include "harness/route_fixture.hpp"
// behind the lookups they call
#include "common/decide/decide.h"
#include "common/decide/station.h"
#include "common/parse/parse.h"

namespace twinpath::test {

enum : std::uint16_t { kLan = 1, kWan = 2, kOther = 3 };
// Numbers of devices are not those of their ports.
constexpr std::uint16_t device_of(std::uint16_t port) { return static_cast<std::uint16_t>(70 + port); }
enum : std::uint8_t { kInside = 2, kOutside = 3 };
inline constexpr Mac kWanMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x21}};
inline constexpr std::uint32_t kHertz = 100;
inline constexpr std::uint32_t kStart = 1'000'000;  // tick

inline dp_address address(const char* text) {
  dp_address out{};
  if (inet_pton(AF_INET, text, out.word) != 1 && inet_pton(AF_INET6, text, out.word) != 1)
    throw std::invalid_argument(text);
  return out;
}
inline std::uint8_t family_of(const char* text) {
  return std::strchr(text, ':') != nullptr ? std::uint8_t{DP_FAMILY_V6} : std::uint8_t{DP_FAMILY_V4};
}

// The neighbours that Linux would know.
class MemoryNeighbours final : public NeighbourSource {
 public:
  void add(const char* host, std::uint16_t port, std::uint32_t next_hop, std::uint16_t mtu = 0) {
    known_.push_back({{address(host), port, mtu, family_of(host), {}}, next_hop});
  }
  void forget(std::uint32_t next_hop) {
    std::erase_if(known_, [&](const auto& known) { return known.second == next_hop; });
  }
  std::uint32_t neighbour(const dp_neighbour_key& key) const noexcept override {
    for (const auto& [known, next_hop] : known_)
      if (known.port == key.port && known.mtu == key.mtu && known.family == key.family &&
          dp_address_equal(&known.address, &key.address) != 0)
        return next_hop;
    return 0;
  }

 private:
  std::vector<std::pair<dp_neighbour_key, std::uint32_t>> known_;
};

// A rule that matches everything, to be narrowed.
inline dp_rule any_rule(std::uint16_t id, std::uint8_t action, std::uint8_t place = DP_PLACE_AUTO) {
  dp_rule rule{};
  rule.source_port_high = rule.destination_port_high = 65535;
  rule.protocol = DP_PROTOCOL_ANY;
  rule.id = id;
  rule.icmp_type_high = 255;
  rule.action = action;
  rule.place = place;
  return rule;
}

class GatewayTables {
 public:
  GatewayTables()
      : zone_pairs_(std::size_t{DP_BANKS} * DP_ZONES_MAX * DP_ZONES_MAX),
        rules_(std::size_t{DP_BANKS} * DP_RULES_MAX),
        paths_(16),
        ports_(DP_PORTS_MAX),
        port_macs_(DP_PORTS_MAX),
        devices_(DP_DEVICES_MAX),
        next_hops_(16),
        flows4_(64),
        flows6_(64),
        flows4_cold_(64 * DP_FLOW_LANES),
        flows6_cold_(64 * DP_FLOW_LANES),
        budgets_(std::size_t{DP_BUDGETS} * DP_PORTS_MAX),
        route_rules_(std::size_t{DP_BANKS} * 2 * DP_ROUTE_RULES_MAX),
        routes_(64),
        fib_(256),
        routes(route_rules_, routes_, fib_) {
    write_settings();
    write_ports();
    write_routes();
    env = dp_env({&settings, zone_pairs_, rules_, route_rules_, routes_, paths_, words_of(fib_), ports_, port_macs_,
                  devices_, next_hops_, flows4_, flows6_, flows4_cold_, flows6_cold_, budgets_},
                 neighbours);
  }
  GatewayTables(const GatewayTables&) = delete;
  GatewayTables& operator=(const GatewayTables&) = delete;

  void set_rules(std::uint8_t from, std::uint8_t to, std::vector<dp_rule> rules,
                 std::uint8_t otherwise = DP_ACTION_DROP) {
    const auto first = static_cast<std::uint16_t>(rule_count_);
    std::copy(rules.begin(), rules.end(), rules_.begin() + first);
    rule_count_ += rules.size();
    zone_pairs_[std::size_t{from} * DP_ZONES_MAX + to] = {
        first, static_cast<std::uint16_t>(rules.size()), otherwise, {}};
  }
  void allow(std::uint8_t place = DP_PLACE_AUTO, std::uint16_t id = 7) {
    set_rules(kInside, kOutside, {any_rule(id, DP_ACTION_ALLOW, place)});
  }

  dp_port& port(std::uint16_t number) { return ports_[number]; }
  dp_port_macs& macs(std::uint16_t number) { return port_macs_[number]; }
  dp_device& device(std::uint16_t number) { return devices_[number]; }
  dp_next_hop& hop(std::uint16_t index) { return next_hops_[index]; }
  dp_path& path(std::size_t index) { return paths_[index]; }

  // Facts of a frame that came in by `ingress`; DP_NONE, or why it cannot be read.
  int read(const Bytes& frame, std::uint16_t ingress, dp_context& ctx) {
    ctx = {};
    const int reason = dp_parse(frame.data(), frame.data() + frame.size(), static_cast<__u32>(frame.size()),
                                ports_[ingress].mac, &ctx.packet);
    ctx.packet.ingress = ingress;
    ctx.packet.zone = ports_[ingress].zone;
    if (reason == DP_NONE) dp_find_station(&env, &ports_[ingress], frame.data(), &ctx.packet);
    ctx.now = now;
    return reason;
  }
  int decide(const Bytes& frame, std::uint16_t ingress, std::uint8_t side = DP_SIDE_KERNEL) {
    if (const int reason = read(frame, ingress, last); reason != DP_NONE) return reason;
    last.side = side;
    return dp_decide(&env, &last);
  }

  [[nodiscard]] std::size_t slots_in_use() {
    std::size_t used = 0;
    const auto count = [&](const auto& buckets) {
      for (const auto& bucket : buckets)
        used += static_cast<std::size_t>(std::count_if(std::begin(bucket.control), std::end(bucket.control),
                                                       [](std::uint32_t word) { return dp_flow_state_of(word) != 0; }));
    };
    count(flows4_);
    count(flows6_);
    return used;
  }
  // The half that this frame belongs to.
  bool find(const Bytes& frame, std::uint16_t ingress, dp_flow_view& view) {
    dp_context ctx;
    return read(frame, ingress, ctx) == DP_NONE && dp_flow_find(&env, &ctx.packet, &view) != 0;
  }
  [[nodiscard]] std::uint64_t packets_of(std::uint8_t family, std::uint32_t slot) {
    __u64 packets = 0, bytes = 0;
    if (family == DP_FAMILY_V4)
      dp_traffic_read(&dp_flow_entry4(&env, slot)->recent, &flows4_cold_[slot].carried, &packets, &bytes);
    else
      dp_traffic_read(&dp_flow_entry6(&env, slot)->recent, &flows6_cold_[slot].carried, &packets, &bytes);
    return packets;
  }

  dp_settings settings{};
  MemoryNeighbours neighbours;
  dp_env env;
  dp_context last{};
  std::uint32_t now = kStart;

 private:
  void write_settings() {
    settings.layout_version = DP_LAYOUT_VERSION;
    settings.stamp = 5U << 16 | 9;
    settings.heartbeat = kStart;
    settings.ticks_per_second = kHertz;
    settings.heartbeat_limit = 5 * kHertz;
    settings.v4 = settings.v6 = {0x5eed, 128, 256};
    settings.timeouts = {240, 7440, 240, 5, 120, 300, 60, 600};
    for (auto& budget : settings.budget) budget = 1'000'000;
  }
  void write_ports() {
    const auto set = [&](std::uint16_t number, std::uint8_t zone, const Mac& mac) {
      dp_port& port = ports_[number];
      port.device = device_of(number);
      devices_[port.device] = {10U + number, 0, 1, DP_DEVICE_PRESENT, 0, 0};
      std::copy(mac.octets.begin(), mac.octets.end(), port.mac);
      port.zone = zone;
      port.source_check = DP_SOURCE_CHECK_STRICT;
      port.flags = DP_PORT_PRESENT | DP_PORT_UP;
      port.mtu = 1500;
    };
    set(kLan, kInside, kGatewayMac);
    set(kWan, kOutside, kWanMac);
  }
  void add_host(const char* host, std::uint16_t index, std::uint16_t port, bool resolved) {
    dp_next_hop& hop = next_hops_[index];
    const std::uint8_t mac[6] = {2, 0, 0, 0, 1, static_cast<std::uint8_t>(index)};
    std::copy(std::begin(mac), std::end(mac), hop.destination_mac);
    std::copy(std::begin(ports_[port].mac), std::end(ports_[port].mac), hop.source_mac);
    hop.port = port;
    hop.device = device_of(port);
    hop.mtu = 1500;
    hop.flags = static_cast<__u16>(DP_NEXT_HOP_UP | (resolved ? DP_NEXT_HOP_RESOLVED : 0));
    neighbours.add(host, port, index);
  }
  void write_routes() {
    const dp_route lan{DP_ROUTE_ON_LINK, 0, kLan, 0, 0, 0}, wan{DP_ROUTE_ON_LINK, 0, kWan, 0, 0, 0};
    routes.add(0, "192.0.2.0", 24, lan);
    routes.add(0, "2001:db8::", 64, lan);
    routes.add(0, "198.51.100.0", 24, wan);
    routes.add(0, "2001:db8:1::", 64, wan);
    for (const char* own : {"192.0.2.254", "198.51.100.254"}) routes.add(0, own, 32, {DP_ROUTE_LOCAL, 0, 0, 0, 0, 0});
    for (const char* own : {"2001:db8::fe", "2001:db8:1::fe"}) routes.add(0, own, 128, {DP_ROUTE_LOCAL, 0, 0, 0, 0, 0});
    routes.add(0, "fe80::fe", 128, {DP_ROUTE_LOCAL, 0, kLan, 0, 0, 0});
    routes.add(0, "fe80::1:fe", 128, {DP_ROUTE_LOCAL, 0, kWan, 0, 0, 0});
    routes.add(0, "fe80::5", 128, {DP_ROUTE_LOCAL, 0, 0, 0, 0, 0});
    routes.add(0, "169.254.7.254", 32, {DP_ROUTE_LOCAL, 0, kLan, 0, 0, 0});
    routes.add(0, "192.0.2.255", 32, {DP_ROUTE_BROADCAST, 0, kLan, 0, 0, 0});
    routes.add(0, "198.51.100.255", 32, {DP_ROUTE_BROADCAST, 0, kWan, 0, 0, 0});
    add_host("192.0.2.1", 1, kLan, true);
    add_host("198.51.100.1", 2, kWan, true);
    add_host("192.0.2.9", 3, kLan, false);
    add_host("198.51.100.9", 4, kWan, false);
    add_host("2001:db8::1", 5, kLan, true);
    add_host("2001:db8:1::1", 6, kWan, true);
    add_host("2001:db8:1::9", 7, kWan, false);
    paths_[0] = {2, kWan, 0, 0};
    paths_[1] = {6, kWan, 0, 0};
    routes.add(0, "203.0.113.0", 24, {DP_ROUTE_VIA, 1, 0, 0, 0, 0});
    routes.add(0, "2001:db8:2::", 64, {DP_ROUTE_VIA, 1, 0, 1, 0, 0});
    routes.add(0, "203.0.113.64", 26, {DP_ROUTE_UNREACHABLE, 0, 0, 0, 0, 0});
    routes.add(0, "203.0.113.128", 26, {DP_ROUTE_BLACKHOLE, 0, 0, 0, 0, 0});
    routes.add(0, "203.0.113.192", 26, {DP_ROUTE_NOT_A_PORT, 0, 0, 0, 0, 0});
  }

  std::vector<dp_zone_pair> zone_pairs_;
  std::vector<dp_rule> rules_;
  std::vector<dp_path> paths_;
  std::vector<dp_port> ports_;
  std::vector<dp_port_macs> port_macs_;
  std::vector<dp_device> devices_;
  std::vector<dp_next_hop> next_hops_;
  std::vector<dp_flow_bucket4> flows4_;
  std::vector<dp_flow_bucket6> flows6_;
  std::vector<dp_flow_cold> flows4_cold_;
  std::vector<dp_flow_cold> flows6_cold_;
  std::vector<dp_budget_window> budgets_;
  std::vector<dp_route_rule> route_rules_;
  std::vector<dp_route> routes_;
  std::vector<dp_fib_line> fib_;
  std::size_t rule_count_ = 0;

 public:
  RouteFixture routes;  // behind what it writes to
};

inline const char* name_of(int reason) {
  static const char* const names[] = {
#define DP_REASON(enumerator, name, verdict, documentation) name,
#include "common/model/reasons.def"
#undef DP_REASON
  };
  return reason >= 0 && reason < DP_REASONS ? names[reason] : "not a reason";
}

}  // namespace twinpath::test
