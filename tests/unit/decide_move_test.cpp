// decide_move_test.cpp - live flows whose routes change under them: into another zone, to the host, and away from it.
//
// Source of the expectations: nf_conntrack, whose flows know no device; the rules of the zones in force for everything else.

#include "common/target.h"

#include <doctest/doctest.h>

#include <array>

#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

enum : std::uint8_t { kBackup = 4 };
constexpr Mac kBackupMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x31}};
constexpr std::uint32_t kSides[] = {DP_SIDE_KERNEL, DP_SIDE_ENGINE};

struct Family {
  const char* client;
  const char* server;
  std::uint8_t family;
  std::uint8_t bits;
  std::uint16_t first_path;
};
constexpr Family kFamilies[] = {{"192.0.2.1", "203.0.113.5", DP_FAMILY_V4, 24, 0},
                                {"2001:db8::1", "2001:db8:2::5", DP_FAMILY_V6, 64, 1}};

// A server behind the port `wan`, in zone outside, that moves behind the port `other`, in zone backup, and back; or a client
// that does so.
class Failover {
 public:
  explicit Failover(const Family& family, std::uint8_t side) : family_(family), side_(side) {
    tables.allow();
    dp_port& other = tables.port(kOther);
    other = tables.port(kWan);
    other.zone = kBackup;
    other.device = device_of(kOther);
    std::copy(kBackupMac.octets.begin(), kBackupMac.octets.end(), other.mac);
    tables.hop(8) = tables.hop(2);
    tables.hop(8).port = kOther;
    tables.hop(8).device = device_of(kOther);
    tables.path(2) = {8, kOther, 0, 0};
  }

  void permit(std::uint8_t from = kInside, std::uint8_t to = kBackup, std::uint16_t id = 9) {
    tables.set_rules(from, to, {any_rule(id, DP_ACTION_ALLOW)});
  }
  void server_moves() { move(family_.server); }
  void server_returns() {
    tables.routes.add(0, family_.server, family_.bits, {DP_ROUTE_VIA, 1, 0, family_.first_path, 0, 0});
    server_port_ = kWan;
    ++tables.settings.stamp;
  }
  void client_moves() {
    tables.routes.add(0, family_.client, family_.family == DP_FAMILY_V4 ? 32 : 128, {DP_ROUTE_VIA, 1, 0, 2, 0, 0});
    client_port_ = kOther;
    ++tables.settings.stamp;
  }
  void becomes_own(const char* address) {
    tables.routes.add(0, address, family_.family == DP_FAMILY_V4 ? 32 : 128, {DP_ROUTE_LOCAL, 0, 0, 0, 0, 0});
    ++tables.settings.stamp;
  }

  template <class Transport>
  int client(const Transport& transport) {
    return decide(family_.client, family_.server, transport, client_port_);
  }
  template <class Transport>
  int server(const Transport& transport) {
    return decide(family_.server, family_.client, transport, server_port_);
  }
  int client_says(std::uint8_t flags) {
    const std::uint32_t seq = (flags & tcp::kSyn) != 0 ? 2 : 3;
    return client(Tcp{.sport = 1000, .dport = 80, .seq = seq, .ack = 101, .flags = flags});
  }
  int server_says(std::uint8_t flags) {
    const std::uint32_t seq = (flags & tcp::kSyn) != 0 ? 100 : 101;
    return server(Tcp{.sport = 80, .dport = 1000, .seq = seq, .ack = 3, .flags = flags});
  }
  void handshake() {
    REQUIRE(client_says(tcp::kSyn) == DP_NONE);
    REQUIRE(server_says(tcp::kSyn | tcp::kAck) == DP_NONE);
    REQUIRE(client_says(tcp::kAck) == DP_NONE);
    REQUIRE(state() == DP_FLOW_ASSURED);
  }
  // Of the pair that the last packet belonged to, now.
  [[nodiscard]] std::uint32_t state() {
    const std::uint32_t slot = tables.last.view.slot;
    return dp_flow_state_of(family_.family == DP_FAMILY_V4 ? *dp_flow_control4(&tables.env, slot)
                                                           : *dp_flow_control6(&tables.env, slot));
  }

  GatewayTables tables;

 private:
  void move(const char* host) {
    tables.routes.add(0, host, family_.bits, {DP_ROUTE_VIA, 1, 0, 2, 0, 0});
    server_port_ = kOther;
    ++tables.settings.stamp;
  }
  template <class Transport>
  int decide(const char* from, const char* to, const Transport& transport, std::uint16_t port) {
    const Mac& mac = port == kLan ? kGatewayMac : port == kWan ? kWanMac : kBackupMac;
    Packet packet;
    packet /= Eth{.dst = mac};
    if (family_.family == DP_FAMILY_V4)
      packet /= Ipv4{.src = from, .dst = to};
    else
      packet /= Ipv6{.src = from, .dst = to};
    packet /= transport;
    const int reason = tables.decide(packet.bytes(), port, side_);
    // the tests speak of what the engine sends as of what the kernel sends
    if (side_ == DP_SIDE_ENGINE && tables.last.known != 0)
      (void)dp_flow_change_flags(&tables.env, family_.family, tables.last.view.slot, tables.last.view.control, 0,
                                 DP_FLOW_HELD);
    return reason;
  }

  Family family_;
  std::uint8_t side_;
  std::uint16_t client_port_ = kLan;
  std::uint16_t server_port_ = kWan;
};

template <class Test>
void everywhere(const Test& test) {
  for (const Family& family : kFamilies)
    for (const std::uint32_t side : kSides) {
      INFO("IPv" << int{family.family} << (side == DP_SIDE_KERNEL ? ", kernel" : ", engine"));
      Failover lab(family, static_cast<std::uint8_t>(side));
      test(lab);
    }
}

}  // namespace

TEST_CASE("an assured flow whose route moves into a zone that the rules allow goes on, whoever speaks first") {
  for (const bool client_first : {true, false})
    everywhere([&](Failover& lab) {
      lab.permit();
      lab.handshake();
      lab.server_moves();
      if (client_first) {
        CHECK(lab.client_says(tcp::kAck) == DP_NONE);
        CHECK(lab.tables.last.next_hop == 8);
        CHECK(lab.state() == DP_FLOW_ASSURED);
      }
      CHECK(lab.server_says(tcp::kAck) == DP_NONE);
      CHECK(lab.state() == DP_FLOW_ASSURED);
      CHECK(lab.client_says(tcp::kAck) == DP_NONE);
      CHECK(lab.tables.last.next_hop == 8);
      CHECK(dp_flow_rule(&lab.tables.env, lab.tables.last.packet.family, &lab.tables.last.view) == 9);
      CHECK(lab.tables.slots_in_use() == 2);
    });
}

TEST_CASE("an assured flow whose client moves into a zone that the rules allow goes on, whoever speaks first") {
  for (const bool client_first : {true, false})
    everywhere([&](Failover& lab) {
      lab.permit(kBackup, kOutside);
      lab.handshake();
      lab.client_moves();
      if (!client_first) CHECK(lab.server_says(tcp::kAck) == DP_NONE);
      CHECK(lab.client_says(tcp::kAck) == DP_NONE);
      CHECK(lab.server_says(tcp::kAck) == DP_NONE);
      CHECK(lab.tables.last.next_hop == 8);
      CHECK(lab.state() == DP_FLOW_ASSURED);
      CHECK(lab.tables.slots_in_use() == 2);
    });
}

TEST_CASE(
    "a flow whose route moves into a zone that the rules forbid is dropped by name, and goes on when it leads back") {
  everywhere([](Failover& lab) {
    lab.handshake();
    lab.server_moves();
    CHECK(lab.client_says(tcp::kAck) == DP_ZONE_DEFAULT);
    CHECK(lab.server_says(tcp::kAck) == DP_ZONE_DEFAULT);
    lab.tables.set_rules(kInside, kBackup, {any_rule(9, DP_ACTION_DROP)});
    CHECK(lab.client_says(tcp::kAck) == DP_RULE);
    CHECK(lab.server_says(tcp::kAck) == DP_RULE);
    CHECK(lab.tables.slots_in_use() == 2);
    lab.server_returns();
    CHECK(lab.server_says(tcp::kAck) == DP_NONE);
    CHECK(lab.client_says(tcp::kAck) == DP_NONE);
    CHECK(lab.state() == DP_FLOW_ASSURED);
  });
}

TEST_CASE("a route that moves in the handshake moves the flow with it") {
  everywhere([](Failover& lab) {
    lab.permit();
    REQUIRE(lab.client_says(tcp::kSyn) == DP_NONE);
    lab.server_moves();
    CHECK(lab.server_says(tcp::kSyn | tcp::kAck) == DP_NONE);
    CHECK(lab.state() == DP_FLOW_HALF_OPEN);
    CHECK(lab.client_says(tcp::kAck) == DP_NONE);
    CHECK(lab.state() == DP_FLOW_ASSURED);
    lab.server_returns();
    CHECK(lab.server_says(tcp::kAck) == DP_NONE);
    CHECK(lab.state() == DP_FLOW_ASSURED);
  });
}

TEST_CASE("a closing flow is closing in its new zone") {
  everywhere([](Failover& lab) {
    lab.permit();
    lab.handshake();
    REQUIRE(lab.client_says(tcp::kFin | tcp::kAck) == DP_NONE);
    REQUIRE(lab.server(Tcp{.sport = 80, .dport = 1000, .seq = 101, .ack = 4, .flags = tcp::kFin | tcp::kAck}) ==
            DP_NONE);
    lab.server_moves();
    CHECK(lab.client(Tcp{.sport = 1000, .dport = 80, .seq = 4, .ack = 102, .flags = tcp::kAck}) == DP_NONE);
    CHECK(lab.state() == DP_FLOW_CLOSING);
  });
}

TEST_CASE("datagrams and echo replies from the new zone belong to the flow, though a rule would let them begin one") {
  for (const bool both_ways : {false, true})
    everywhere([&](Failover& lab) {
      lab.permit();
      if (both_ways) lab.permit(kBackup, kInside, 10);
      REQUIRE(lab.client(Udp{.sport = 1000, .dport = 53}) == DP_NONE);
      REQUIRE(lab.server(Udp{.sport = 53, .dport = 1000}) == DP_NONE);
      lab.server_moves();
      CHECK(lab.server(Udp{.sport = 53, .dport = 1000}) == DP_NONE);
      CHECK(dp_track_is_forward(&lab.tables.last) == 0);
      CHECK(lab.client(Udp{.sport = 1000, .dport = 53}) == DP_NONE);
      CHECK(lab.tables.slots_in_use() == 2);
    });
}

TEST_CASE("a stranger in another zone moves no flow: its route does not lead there") {
  everywhere([](Failover& lab) {
    lab.permit();
    lab.handshake();
    lab.server_moves();
    REQUIRE(lab.client_says(tcp::kAck) == DP_NONE);
    lab.tables.port(kWan).source_check = DP_SOURCE_CHECK_OFF;
    const dp_flow_view before = lab.tables.last.view;
    Packet forged;
    forged /= Eth{.dst = kWanMac};
    if (lab.tables.last.packet.family == DP_FAMILY_V4)
      forged /= Ipv4{.src = "203.0.113.5", .dst = "192.0.2.1"};
    else
      forged /= Ipv6{.src = "2001:db8:2::5", .dst = "2001:db8::1"};
    forged /= Tcp{.sport = 80, .dport = 1000, .flags = tcp::kAck};
    CHECK(lab.tables.decide(forged.bytes(), kWan) == DP_NOT_SYN);
    CHECK(lab.client_says(tcp::kAck) == DP_NONE);
    CHECK(lab.tables.last.view.control == before.control);
  });
}

TEST_CASE("packets of a live flow to an address that has become the host's own are the host's at once") {
  everywhere([](Failover& lab) {
    lab.tables.set_rules(kInside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
    lab.handshake();
    lab.becomes_own(lab.tables.last.packet.family == DP_FAMILY_V4 ? "203.0.113.5" : "2001:db8:2::5");
    CHECK(lab.client_says(tcp::kAck) == DP_PASS_HOST);
    CHECK(lab.tables.slots_in_use() == 0);
  });
}

TEST_CASE("packets to an address that was the host's own are forwarded when it is gone") {
  everywhere([](Failover& lab) {
    lab.tables.set_rules(kInside, DP_ZONE_HOST, {}, DP_ACTION_ALLOW);
    lab.becomes_own("203.0.113.5");
    lab.becomes_own("2001:db8:2::5");
    REQUIRE(lab.client_says(tcp::kSyn) == DP_PASS_HOST);
    lab.tables.routes.add(0, "203.0.113.5", 32, {DP_ROUTE_VIA, 1, 0, 0, 0, 0});
    lab.tables.routes.add(0, "2001:db8:2::5", 128, {DP_ROUTE_VIA, 1, 0, 1, 0, 0});
    ++lab.tables.settings.stamp;
    CHECK(lab.client_says(tcp::kSyn) == DP_NONE);
  });
}
