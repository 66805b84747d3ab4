// decide_tcp_test.cpp - a TCP conversation through the whole decision, packet by packet, and what a RST from an unknown sender
// does to its flow.
//
// Source of the expectations: the design's life of a flow; RFC 9293, 5961.

#include "common/target.h"

#include <doctest/doctest.h>

#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

// A TCP flow from lan to wan, one segment at a time.
class Conversation {
 public:
  Conversation() { tables_.allow(); }

  void client(std::uint8_t bits, std::uint32_t seq, std::uint32_t ack) {
    say(Eth{} / Ipv4{} / Tcp{.sport = 1000, .dport = 80, .seq = seq, .ack = ack, .flags = bits}, kLan);
  }
  void server(std::uint8_t bits, std::uint32_t seq, std::uint32_t ack) {
    say(Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} /
            Tcp{.sport = 80, .dport = 1000, .seq = seq, .ack = ack, .flags = bits},
        kWan);
  }
  [[nodiscard]] std::uint32_t state() { return dp_flow_state_of(look().control); }
  // Ticks the flow may be idle now.
  [[nodiscard]] std::uint32_t timeout() {
    const dp_flow_view own = look();
    dp_flow_view other{};
    REQUIRE(dp_flow_view_slot(&tables_.env, DP_FAMILY_V4, own.partner, own.link, &other) != 0);
    return dp_flow_timeout(&tables_.settings.timeouts, DP_PROTOCOL_TCP, dp_flow_state_of(own.control), own.link,
                           other.link);
  }
  [[nodiscard]] const dp_timeouts& timeouts() const { return tables_.settings.timeouts; }

 private:
  void say(const Packet& packet, std::uint16_t port) {
    REQUIRE(tables_.decide(packet.bytes(), port) == DP_NONE);
    last_ = packet.bytes();
    port_ = port;
  }
  dp_flow_view look() {
    dp_flow_view view{};
    REQUIRE(tables_.find(last_, port_, view));
    return view;
  }

  GatewayTables tables_;
  Bytes last_;
  std::uint16_t port_ = kLan;
};

}  // namespace

TEST_CASE("a blind RST at any step of the handshake ends no flow") {
  using namespace tcp;
  for (int at = 0; at < 3; ++at) {
    for (const bool from_client : {true, false}) {
      Conversation flow;
      const auto blind_reset = [&](int step) {
        if (at != step) return;
        if (from_client)
          flow.client(kRst, 5000, 0);
        else
          flow.server(kRst, 5000, 0);
        CHECK(flow.timeout() == flow.timeouts().tcp_reset);
      };
      INFO("RST behind step " << at << (from_client ? " as if from the client" : " as if from the server"));
      flow.client(kSyn, 100, 0);
      blind_reset(0);
      flow.server(kSyn | kAck, 300, 101);
      blind_reset(1);
      flow.client(kAck, 101, 301);
      blind_reset(2);
      flow.client(kAck | kPsh, 101, 301);
      flow.server(kAck, 301, 141);
      CHECK(flow.state() == DP_FLOW_ASSURED);
      CHECK(flow.timeout() == flow.timeouts().tcp_established);
    }
  }
}

TEST_CASE("packets after a RST do not make a half-open flow assured without the right acknowledgement") {
  using namespace tcp;
  Conversation flow;
  flow.client(kSyn, 100, 0);
  flow.server(kSyn | kAck, 300, 101);
  flow.server(kRst, 301, 0);
  flow.client(kAck, 101, 299);
  CHECK(flow.state() == DP_FLOW_CLOSING);
  flow.server(kSyn | kAck, 300, 101);
  CHECK(flow.state() == DP_FLOW_HALF_OPEN);
  CHECK(flow.timeout() == flow.timeouts().tcp_syn);
  flow.client(kAck, 101, 301);
  CHECK(flow.state() == DP_FLOW_ASSURED);
}

TEST_CASE("the right acknowledgement alone does not lengthen the life of a flow that was reset") {
  using namespace tcp;
  Conversation flow;
  flow.client(kSyn, 100, 0);
  flow.server(kSyn | kAck, 300, 101);
  flow.server(kRst, 301, 0);
  flow.client(kAck, 101, 301);  // was on its way already
  CHECK(flow.state() == DP_FLOW_CLOSING);
  CHECK(flow.timeout() == flow.timeouts().tcp_reset);
}
