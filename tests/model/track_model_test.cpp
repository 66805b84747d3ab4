// track_model_test.cpp - the state of a flow against a slow twin, over random packets of both directions.
//
// The twin is written from the design's life of a flow and RFC 9293, as one plain struct: no halves, no flag words, no
// table. Seeds are printed; every prefix of a sequence is compared, so a failure names the first packet that differs.

#include "common/target.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
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
  std::uint32_t data = 0;

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// One direction. The numbers that the other one can acknowledge are written out, one by one.
struct Side {
  std::set<std::uint32_t> sent;
  bool two_numberings = false;  // `sent` has the number behind the first SYN and the one behind another
  std::uint32_t first = 0;
  bool fin = false, fin_acknowledged = false;
  std::uint32_t fin_number = 0;
  std::optional<std::uint32_t> other_syn;  // on an assured flow: the number behind it
  std::uint32_t acknowledged = 0;          // last of all; 0: nothing yet
};

struct TcpTwin {
  State state = State::none;
  bool originator_is_lan = true;
  bool answered = false;  // the responder has acknowledged the originator
  Side lan, wan;

  Side& side(bool is_lan) { return is_lan ? lan : wan; }

  // True when the packet may pass.
  bool take(const Segment& segment) {
    const bool opens = segment.has(tcp::kSyn) && !segment.has(tcp::kAck);
    if (opens && (state == State::none || state == State::closing)) {
      *this = TcpTwin{};
      state = State::half_open;
      originator_is_lan = segment.from_lan;
      note(side(segment.from_lan), segment, false);
      return true;
    }
    if (state == State::none) return false;
    Side &own = side(segment.from_lan), &other = side(!segment.from_lan);
    if (segment.has(tcp::kRst)) {
      // Of a half-open flow a number that nobody has sent is what a stranger has acknowledged, and an end has refused.
      const bool sent = state != State::half_open || own.sent.count(segment.seq) != 0;
      const bool exact = other.acknowledged != 0 && segment.seq == other.acknowledged && sent;
      const bool answer = state == State::half_open && segment.has(tcp::kAck) && other.sent.count(segment.ack) != 0;
      if (exact || answer) state = State::closing;
      return true;
    }
    if (state == State::half_open)
      handshake(segment, own, other);
    else if (state == State::assured && segment.has(tcp::kSyn))
      synchronize(segment, own, other);
    else if (segment.has(tcp::kFin))
      finish(segment, own, other);
    if (segment.has(tcp::kAck)) own.acknowledged = segment.ack;
    close(own, other);
    return true;
  }

  void handshake(const Segment& segment, Side& own, Side& other) {
    const bool vouched = segment.has(tcp::kAck) && other.sent.count(segment.ack) != 0;
    note(own, segment, vouched);
    if (!vouched) return;
    if (segment.from_lan != originator_is_lan)
      answered = true;
    else
      state = State::assured;
  }

  // What may be acknowledged from now on.
  void note(Side& own, const Segment& segment, bool vouched) const {
    const bool syn = segment.has(tcp::kSyn);
    const std::uint32_t start = segment.seq + (syn ? 1 : 0);
    const std::uint32_t end = start + segment.data + (segment.has(tcp::kFin) ? 1 : 0);
    const bool known = own.sent.count(start) != 0;
    if (own.sent.empty() || (vouched && (syn ? !answered : own.two_numberings && !known))) {
      own.sent.clear();
      own.two_numberings = false;
      own.first = start;
      fill(own, start, end);
    } else if (known || (vouched && !syn)) {
      if (own.two_numberings && end == start) return;
      if (own.two_numberings) own.sent.clear();
      if (own.two_numberings || start < own.first) own.first = start;
      own.two_numberings = false;
      fill(own, start, end);
    } else if (syn) {
      own.sent = {own.first, start};
      own.two_numberings = true;
    }
    if (segment.has(tcp::kFin) && !own.two_numberings && end == *own.sent.rbegin()) {
      own.fin = true;
      own.fin_number = end;
    }
    // nothing follows a FIN
    if (own.two_numberings || own.fin_number != *own.sent.rbegin()) own.fin = false;
  }
  static void fill(Side& own, std::uint32_t start, std::uint32_t end) {
    own.sent.insert(start);
    own.sent.insert(end);
    for (std::uint32_t number = *own.sent.begin(); number != *own.sent.rbegin(); ++number) own.sent.insert(number);
  }

  void synchronize(const Segment& segment, Side& own, Side& other) {
    if (!segment.has(tcp::kAck)) {
      own.other_syn = segment.seq + 1;
      return;
    }
    if (segment.from_lan == originator_is_lan || other.other_syn != segment.ack) return;
    const std::uint32_t acknowledged = other.acknowledged;
    own = other = Side{};
    other.acknowledged = acknowledged;
    state = State::half_open;
    answered = true;
    other.first = segment.ack;
    other.sent = {segment.ack};
    own.first = segment.seq + 1;
    fill(own, own.first, own.first + segment.data);
  }

  // Numbers are so near each other here that they can be compared.
  static void finish(const Segment& segment, Side& own, const Side& other) {
    const std::uint32_t number = segment.seq + segment.data + 1;
    if (own.fin_acknowledged || (other.acknowledged != 0 && number < other.acknowledged)) return;
    const bool ahead = own.fin_number >= other.acknowledged;
    if (own.fin && ahead && own.fin_number <= number) return;
    own.fin = true;
    own.fin_number = number;
  }

  // Asked of a packet whose own direction has sent FIN, or whose acknowledgement may be the last one.
  void close(Side& own, Side& other) {
    if (!own.fin || !other.fin || state == State::closing) return;  // a RST was before
    own.fin_acknowledged = own.fin_acknowledged || own.fin_number == other.acknowledged;
    other.fin_acknowledged = other.fin_acknowledged || other.fin_number == own.acknowledged;
    if (own.fin_acknowledged && other.fin_acknowledged) state = State::closing;
  }

  [[nodiscard]] Clock clock() const {
    if (state == State::none) return Clock::none;
    if (state == State::closing) return lan.fin_acknowledged && wan.fin_acknowledged ? Clock::closing : Clock::reset;
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
  if (segment.from_lan) return Eth{} / Ipv4{} / lan / Payload(segment.data);
  return Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / wan / Payload(segment.data);
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

// Numbers of a few bytes, so that they meet; in a third of the walks packets acknowledge what is there, as ends do.
Segment random_segment(std::mt19937& random, TcpTwin& twin, bool sensible) {
  using namespace tcp;
  static constexpr std::uint8_t kFlags[] = {kSyn, kSyn,        kSyn | kAck, kSyn | kAck, kAck,       kAck,
                                            kAck, kAck | kPsh, kFin | kAck, kRst,        kRst | kAck};
  const auto number = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  Segment segment{number(2) == 0, kFlags[number(std::size(kFlags))], 100 + number(3), 100 + number(4), number(3)};
  if (!sensible || number(8) == 0) return segment;
  const Side& other = twin.side(!segment.from_lan);
  if (segment.has(kRst) && number(4) != 0) segment.flags = kAck;
  if (other.fin)
    segment.ack = other.fin_number;
  else if (!other.sent.empty())
    segment.ack = *other.sent.rbegin();
  if (other.acknowledged != 0) segment.seq = other.acknowledged;
  return segment;
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
  std::array<std::uint32_t, 7> clocks{};
  for (int sequence = 0; sequence < 3000; ++sequence) {
    GatewayTables tables;
    prepare(tables);
    TcpTwin twin;
    std::ostringstream story;
    const std::uint8_t side = random() % 2 == 0 ? DP_SIDE_KERNEL : DP_SIDE_ENGINE;
    for (int step = 0; step < 24; ++step) {
      const Segment segment = random_segment(random, twin, sequence % 3 == 0);
      story << (segment.from_lan ? " lan:" : " wan:") << int{segment.flags} << "/" << segment.seq << "/" << segment.ack
            << "+" << segment.data;
      const Packet packet = frame_of(segment);
      const std::uint16_t port = segment.from_lan ? kLan : kWan;
      const int reason = tables.decide(packet.bytes(), port, side);
      const bool passes = twin.take(segment);
      if (reason == DP_NONE)  // as the datapath does with what it forwards
        dp_flow_count_packet(&tables.env, &tables.last.packet, tables.last.view.slot, tables.now);
      INFO("seed " << kSeed << ", sequence " << sequence << ":" << story.str());
      REQUIRE((reason == DP_NONE) == passes);
      const Seen seen = look(tables, packet, port, 6);
      REQUIRE(static_cast<int>(seen.state) == static_cast<int>(twin.state));
      REQUIRE(static_cast<int>(seen.other_half) == static_cast<int>(twin.state));
      REQUIRE(seen.timeout == ticks_of(tables.settings.timeouts, twin.clock()));
      ++visited[static_cast<std::size_t>(twin.state)];
      ++clocks[static_cast<std::size_t>(twin.clock())];
    }
  }
  for (const std::uint32_t times : visited) CHECK(times > 500);  // the walk has been everywhere
  for (const Clock clock : {Clock::syn, Clock::established, Clock::closing, Clock::reset})
    CHECK(clocks[static_cast<std::size_t>(clock)] > 500);
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
