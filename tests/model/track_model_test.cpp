// track_model_test.cpp - the state of a flow against a slow twin, over random packets of both directions.
//
// The twin is written from the design's life of a flow and RFC 9293, as one plain struct: no halves, no flag words, no
// table. Seeds are printed; every prefix of a sequence is compared, so a failure names the first packet that differs.

#include "common/target.h"

#include <doctest/doctest.h>

#include <random>
#include <sstream>

#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

enum class State { none, half_open, assured, closing };
enum class Clock { none, syn, established, closing, reset, udp, udp_stream };

struct Segment {
  bool from_lan = true;
  std::uint8_t flags = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
};

struct Side {
  bool fin = false;
  bool spoke_after_reset = false;
};

struct TcpTwin {
  State state = State::none;
  bool originator_is_lan = true;
  bool proven = false;
  bool reset = false;
  std::optional<std::uint32_t> expected_ack;
  Side lan, wan;

  Side& side(bool is_lan) { return is_lan ? lan : wan; }

  // True when the packet may pass.
  bool take(const Segment& segment) {
    const bool syn = (segment.flags & tcp::kSyn) != 0, ack = (segment.flags & tcp::kAck) != 0;
    if (syn && !ack && (state == State::none || state == State::closing)) {
      *this = TcpTwin{};
      state = State::half_open;
      originator_is_lan = segment.from_lan;
      return true;
    }
    if (state == State::none) return false;
    if ((segment.flags & tcp::kRst) != 0) {
      reset = true;
      lan.spoke_after_reset = wan.spoke_after_reset = false;
      state = State::closing;
      return true;
    }
    if (state == State::half_open)
      handshake(segment, syn, ack);
    else if (reset)
      contradict(segment, syn, ack);
    if ((segment.flags & tcp::kFin) != 0) {
      side(segment.from_lan).fin = true;
      if (lan.fin && wan.fin) state = State::closing;
    }
    return true;
  }

  void handshake(const Segment& segment, bool syn, bool ack) {
    if (segment.from_lan != originator_is_lan) {
      if (syn && ack) expected_ack = segment.seq + 1;
    } else if (ack && expected_ack == segment.ack) {
      if (state == State::half_open) state = State::assured;
      proven = true;
    }
  }
  // The handshake goes on behind a RST, but the flow is what it would be without it only when both have spoken again.
  void contradict(const Segment& segment, bool syn, bool ack) {
    if (!proven) handshake(segment, syn, ack);
    side(segment.from_lan).spoke_after_reset = true;
    if (!lan.spoke_after_reset || !wan.spoke_after_reset || (lan.fin && wan.fin)) return;
    reset = lan.spoke_after_reset = wan.spoke_after_reset = false;
    state = proven ? State::assured : State::half_open;
  }

  [[nodiscard]] Clock clock() const {
    if (state == State::none) return Clock::none;
    if (reset && !(lan.spoke_after_reset && wan.spoke_after_reset)) return Clock::reset;
    if (state == State::closing || (lan.fin && wan.fin)) return Clock::closing;
    return state == State::half_open ? Clock::syn : Clock::established;
  }
};

struct UdpTwin {
  State state = State::none;
  bool originator_is_lan = true;
  bool answered = false;

  void take(bool from_lan) {
    if (state == State::none) {
      state = State::half_open;
      originator_is_lan = from_lan;
    } else if (from_lan != originator_is_lan) {
      answered = true;
    } else if (answered) {
      state = State::assured;
    }
  }
};

State state_of(std::uint32_t control) {
  switch (dp_flow_state_of(control)) {
    case DP_FLOW_HALF_OPEN: return State::half_open;
    case DP_FLOW_ASSURED: return State::assured;
    case DP_FLOW_CLOSING: return State::closing;
    default: return State::none;
  }
}

Packet frame_of(const Segment& segment) {
  const Tcp lan{.sport = 1000, .dport = 80, .seq = segment.seq, .ack = segment.ack, .flags = segment.flags};
  const Tcp wan{.sport = 80, .dport = 1000, .seq = segment.seq, .ack = segment.ack, .flags = segment.flags};
  if (segment.from_lan) return Eth{} / Ipv4{} / lan;
  return Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / wan;
}

Packet datagram(bool from_lan) {
  if (from_lan) return Eth{} / Ipv4{} / Udp{.sport = 1000, .dport = 53};
  return Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Udp{.sport = 53, .dport = 1000};
}

// What the table says of the flow that the packet belongs to.
struct Seen {
  State state = State::none;
  std::uint32_t timeout = 0;
  State other_half = State::none;
};

Seen look(GatewayTables& tables, const Packet& packet, std::uint16_t port, std::uint8_t protocol) {
  dp_flow_view own{}, other{};
  if (!tables.find(packet.bytes(), port, own)) return {};
  Seen seen;
  seen.state = state_of(own.control);
  REQUIRE(dp_flow_view_slot(&tables.env, DP_FAMILY_V4, own.partner, own.link, &other) != 0);
  seen.other_half = state_of(other.control);
  seen.timeout =
      dp_flow_timeout(&tables.settings.timeouts, protocol, dp_flow_state_of(own.control), own.link, other.link);
  return seen;
}

std::uint32_t ticks_of(const dp_timeouts& timeouts, Clock clock) {
  switch (clock) {
    case Clock::syn: return timeouts.tcp_syn;
    case Clock::established: return timeouts.tcp_established;
    case Clock::closing: return timeouts.tcp_closing;
    case Clock::reset: return timeouts.tcp_reset;
    case Clock::udp: return timeouts.udp;
    case Clock::udp_stream: return timeouts.udp_stream;
    default: return 0;
  }
}

Segment random_segment(std::mt19937& random) {
  using namespace tcp;
  static constexpr std::uint8_t kFlags[] = {kSyn, kSyn,        kSyn | kAck, kSyn | kAck, kAck,       kAck,
                                            kAck, kAck | kPsh, kFin | kAck, kRst,        kRst | kAck};
  const auto number = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  return {number(2) == 0, kFlags[number(std::size(kFlags))], 100 + number(3), 100 + number(4)};
}

void prepare(GatewayTables& tables) {
  tables.set_rules(kInside, kOutside, {any_rule(1, DP_ACTION_ALLOW)});
  tables.set_rules(kOutside, kInside, {any_rule(2, DP_ACTION_ALLOW)});
  tables.settings.timeouts = {240, 7440, 200, 5, 120, 300, 60, 600};
}

}  // namespace

TEST_CASE("TCP: state, timeout and verdict are those of the twin after every packet") {
  constexpr std::uint32_t kSeed = 20260102;
  std::mt19937 random(kSeed);
  std::array<std::uint32_t, 4> visited{};
  for (int sequence = 0; sequence < 3000; ++sequence) {
    GatewayTables tables;
    prepare(tables);
    TcpTwin twin;
    std::ostringstream story;
    const std::uint8_t side = random() % 2 == 0 ? DP_SIDE_KERNEL : DP_SIDE_ENGINE;
    for (int step = 0; step < 24; ++step) {
      const Segment segment = random_segment(random);
      story << (segment.from_lan ? " lan:" : " wan:") << int{segment.flags} << "/" << segment.seq << "/" << segment.ack;
      const Packet packet = frame_of(segment);
      const std::uint16_t port = segment.from_lan ? kLan : kWan;
      const int reason = tables.decide(packet.bytes(), port, side);
      const bool passes = twin.take(segment);
      INFO("seed " << kSeed << ", sequence " << sequence << ":" << story.str());
      REQUIRE((reason == DP_NONE) == passes);
      const Seen seen = look(tables, packet, port, 6);
      REQUIRE(static_cast<int>(seen.state) == static_cast<int>(twin.state));
      REQUIRE(static_cast<int>(seen.other_half) == static_cast<int>(twin.state));
      REQUIRE(seen.timeout == ticks_of(tables.settings.timeouts, twin.clock()));
      ++visited[static_cast<std::size_t>(twin.state)];
    }
  }
  for (const std::uint32_t times : visited) CHECK(times > 500);  // the walk has been everywhere
}

TEST_CASE("UDP: assured by the originator's next packet after an answer, never by an answer alone") {
  constexpr std::uint32_t kSeed = 20260103;
  std::mt19937 random(kSeed);
  for (int sequence = 0; sequence < 500; ++sequence) {
    GatewayTables tables;
    prepare(tables);
    UdpTwin twin;
    for (int step = 0; step < 6; ++step) {
      const bool from_lan = random() % 2 == 0;
      REQUIRE(tables.decide(datagram(from_lan).bytes(), from_lan ? kLan : kWan) == DP_NONE);
      twin.take(from_lan);
      INFO("seed " << kSeed << ", sequence " << sequence << ", step " << step);
      const Seen seen = look(tables, datagram(true), kLan, 17);
      REQUIRE(static_cast<int>(seen.state) == static_cast<int>(twin.state));
      REQUIRE(seen.timeout ==
              ticks_of(tables.settings.timeouts, twin.state == State::assured ? Clock::udp_stream : Clock::udp));
    }
  }
}

TEST_CASE("ICMP queries never make a flow assured") {
  GatewayTables tables;
  prepare(tables);
  const Bytes query = (Eth{} / Ipv4{} / Icmp{}).bytes();
  const Bytes answer =
      (Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Icmp{.type = 0}).bytes();
  for (int i = 0; i < 4; ++i) {
    REQUIRE(tables.decide(query, kLan) == DP_NONE);
    REQUIRE(tables.decide(answer, kWan) == DP_NONE);
  }
  CHECK(static_cast<int>(look(tables, Eth{} / Ipv4{} / Icmp{}, kLan, 1).state) == static_cast<int>(State::half_open));
}
