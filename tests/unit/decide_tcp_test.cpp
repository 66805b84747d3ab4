// decide_tcp_test.cpp - TCP conversations through the whole decision, packet by packet: what each packet does to its flow, and
// what the packets of a stranger, who knows addresses and ports and sees no answer, do to it.
//
// Source of the expectations: RFC 9293, RFC 5961, RFC 7413; nf_conntrack_proto_tcp.c (its table of states, and what it asks of
// RST and SYN-ACK); docs/flow-life.md.

#include "common/target.h"

#include <doctest/doctest.h>

#include <random>

#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

// A TCP flow from lan to wan, one segment at a time, of either family.
class Conversation {
 public:
  explicit Conversation(bool v6 = false) : v6_(v6) {
    tables_.allow();
    tables_.settings.stamp = 5U << 16 | 9;
  }

  int client(std::uint8_t bits, std::uint32_t seq, std::uint32_t ack, std::size_t data = 0) {
    const Tcp tcp{.sport = 1000, .dport = 80, .seq = seq, .ack = ack, .flags = bits};
    last_ = ((v6_ ? Eth{} / Ipv6{} : Eth{} / Ipv4{}) / tcp / Payload(data)).bytes();
    return tables_.decide(last_, port_ = kLan, side);
  }
  int server(std::uint8_t bits, std::uint32_t seq, std::uint32_t ack, std::size_t data = 0) {
    const Tcp tcp{.sport = 80, .dport = 1000, .seq = seq, .ack = ack, .flags = bits};
    const Eth eth{.dst = kWanMac};
    last_ = ((v6_ ? eth / Ipv6{.src = "2001:db8:1::1", .dst = "2001:db8::1"}
                  : eth / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"}) /
             tcp / Payload(data))
                .bytes();
    return tables_.decide(last_, port_ = kWan, side);
  }
  // 0 when there is no flow.
  [[nodiscard]] std::uint32_t state() {
    dp_flow_view view{};
    return tables_.find(last_, port_, view) ? dp_flow_state_of(view.control) : 0;
  }
  // Ticks the flow may be idle now.
  [[nodiscard]] std::uint32_t timeout() {
    const dp_flow_view own = look();
    dp_flow_view other{};
    REQUIRE(dp_flow_view_slot(&tables_.env, family(), own.partner, own.link, &other) != 0);
    return dp_flow_timeout(&tables_.settings.timeouts, DP_PROTOCOL_TCP, dp_flow_state_of(own.control), own.link,
                           other.link);
  }
  // Of the pair: another after another installation.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> identity() {
    const dp_flow_view own = look();
    const bool forward = (own.link & DP_FLOW_FORWARD) != 0;
    return {forward ? own.slot : own.partner, (forward ? own.control : own.link) & DP_FLOW_VERSION_MASK};
  }
  [[nodiscard]] GatewayTables& tables() { return tables_; }
  [[nodiscard]] const dp_timeouts& timeouts() const { return tables_.settings.timeouts; }

  std::uint8_t side = DP_SIDE_KERNEL;

 private:
  [[nodiscard]] std::uint8_t family() const { return v6_ ? std::uint8_t{DP_FAMILY_V6} : std::uint8_t{DP_FAMILY_V4}; }
  dp_flow_view look() {
    dp_flow_view view{};
    REQUIRE(tables_.find(last_, port_, view));
    return view;
  }

  bool v6_;
  GatewayTables tables_;
  Bytes last_;
  std::uint16_t port_ = kLan;
};

using namespace tcp;
constexpr std::uint8_t kSynAck = kSyn | kAck, kFinAck = kFin | kAck, kData = kAck | kPsh, kRstAck = kRst | kAck;

struct Step {
  char from;  // 'c' or 's'
  std::uint8_t flags;
  std::uint32_t seq, ack;
  std::size_t data = 0;
};

int take(Conversation& flow, const Step& step) {
  const int reason = step.from == 'c' ? flow.client(step.flags, step.seq, step.ack, step.data)
                                      : flow.server(step.flags, step.seq, step.ack, step.data);
  // as the datapath does with what it forwards
  dp_context& context = flow.tables().last;
  if (reason == DP_NONE)
    dp_flow_count_packet(&flow.tables().env, &context.packet, context.view.slot, flow.tables().now);
  return reason;
}

const std::vector<Step> kHandshake = {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kAck, 101, 301}};
const std::vector<Step> kTalk = {{'c', kSyn, 100, 0},        {'s', kSynAck, 300, 101},    {'c', kAck, 101, 301},
                                 {'c', kData, 101, 301, 40}, {'s', kData, 301, 141, 500}, {'c', kAck, 141, 801}};

std::vector<Step> after(std::vector<Step> first, const std::vector<Step>& then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

enum : std::uint32_t { kHalfOpen = DP_FLOW_HALF_OPEN, kAssured = DP_FLOW_ASSURED, kClosing = DP_FLOW_CLOSING };

struct Story {
  const char* name;
  std::vector<Step> steps;
  std::uint32_t want;
};

void check_stories(const std::vector<Story>& stories) {
  for (const bool v6 : {false, true})
    for (const std::uint8_t side : {DP_SIDE_KERNEL, DP_SIDE_ENGINE})
      for (const Story& story : stories) {
        INFO(std::string{story.name});
        CAPTURE(v6);
        Conversation flow{v6};
        flow.side = side;
        for (const Step& step : story.steps) REQUIRE(take(flow, step) == DP_NONE);
        CHECK(flow.state() == story.want);
      }
}

}  // namespace

TEST_CASE("a flow is assured when its originator acknowledges what the responder has sent") {
  check_stories({
      {"SYN alone", {{'c', kSyn, 100, 0}}, kHalfOpen},
      {"an answer alone", {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}}, kHalfOpen},
      {"three packets", kHandshake, kAssured},
      {"a wrong number", {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kAck, 101, 300}}, kHalfOpen},
      {"a number beyond", {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kAck, 101, 302}}, kHalfOpen},
      {"a number far beyond", {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kAck, 101, 424242}}, kHalfOpen},
      {"no acknowledgement", {{'c', kSyn, 100, 0}, {'c', kAck, 101, 0}}, kHalfOpen},
      {"SYN-ACKs without end",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kSynAck, 300, 101}, {'s', kAck, 301, 101}},
       kHalfOpen},
      {"first ACK lost, the server speaks first",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kData, 301, 101, 6}, {'c', kAck, 101, 307}},
       kAssured},
      {"first ACK late, behind data",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kData, 301, 101, 600}, {'c', kAck, 101, 301}},
       kAssured},
      {"first ACK lost, the client speaks",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kData, 101, 301, 40}},
       kAssured},
      {"a number beyond the server's data",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kData, 301, 101, 6}, {'c', kAck, 101, 308}},
       kHalfOpen},
      {"data of a stranger does not widen what counts",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kData, 90000, 7, 600}, {'c', kAck, 101, 90600}},
       kHalfOpen},
      {"a second SYN-ACK with another number, the first one counts",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kSynAck, 9999, 101}, {'c', kAck, 101, 301}},
       kAssured},
      {"a second SYN-ACK with another number, the second one counts",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kSynAck, 9999, 101}, {'c', kAck, 101, 10000}},
       kAssured},
      {"between two SYN-ACKs nothing counts",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'s', kSynAck, 9999, 101}, {'c', kAck, 101, 5000}},
       kHalfOpen},
      {"many SYN-ACKs of a stranger before the right one",
       {{'c', kSyn, 100, 0},
        {'s', kSynAck, 1, 2},
        {'s', kSynAck, 70000, 3},
        {'s', kSynAck, 300, 101},
        {'s', kSynAck, 5, 4},
        {'s', kSynAck, 6, 5},
        {'c', kAck, 101, 301}},
       kAssured},
      {"many SYNs of a stranger behind the first one",
       {{'c', kSyn, 100, 0},
        {'c', kSyn, 7777, 0},
        {'c', kSyn, 8888, 0},
        {'s', kSynAck, 300, 101},
        {'c', kAck, 101, 301}},
       kAssured},
      {"a SYN of a stranger before the right one",
       {{'c', kSyn, 7777, 0}, {'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kAck, 101, 301}},
       kAssured},
      {"simultaneous open (RFC 9293 figure 7)",
       {{'c', kSyn, 100, 0}, {'s', kSyn, 300, 0}, {'c', kSynAck, 100, 301}, {'s', kSynAck, 300, 101}},
       kAssured},
      {"simultaneous open, the responder never saw the SYN",
       {{'c', kSyn, 100, 0}, {'s', kSyn, 300, 0}, {'c', kSynAck, 100, 301}, {'s', kAck, 301, 101}},
       kAssured},
      {"split handshake",
       {{'c', kSyn, 100, 0}, {'s', kAck, 0, 101}, {'s', kSyn, 500, 0}, {'c', kSynAck, 100, 501}},
       kAssured},
      {"fast open (RFC 7413): data in the SYN and behind the SYN-ACK",
       {{'c', kSyn, 100, 0, 50}, {'s', kSynAck, 300, 151}, {'s', kData, 301, 151, 900}, {'c', kAck, 151, 1201}},
       kAssured},
      {"fast open: data in the SYN-ACK",
       {{'c', kSyn, 100, 0, 50}, {'s', kSynAck, 300, 151, 20}, {'c', kAck, 151, 321}},
       kAssured},
      {"fast open refused", {{'c', kSyn, 100, 0, 50}, {'s', kSynAck, 300, 101}, {'c', kAck, 101, 301}}, kAssured},
      {"numbers wrap",
       {{'c', kSyn, 0xffffffff, 0},
        {'s', kSynAck, 0xffffff00, 0},
        {'s', kData, 0xffffff01, 0, 600},
        {'c', kAck, 0, 345}},
       kAssured},
  });
}

TEST_CASE(
    "a RST closes a flow when its number is what the other direction has acknowledged last, or it answers a SYN") {
  check_stories({
      {"of the server, right", after(kTalk, {{'s', kRst, 801, 0}}), kClosing},
      {"of the server, right, with ACK", after(kTalk, {{'s', kRstAck, 801, 141}}), kClosing},
      {"of the client, right", after(kTalk, {{'c', kRst, 141, 0}}), kClosing},
      {"of the server, one less", after(kTalk, {{'s', kRst, 800, 0}}), kAssured},
      {"of the server, one more", after(kTalk, {{'s', kRst, 802, 0}}), kAssured},
      {"of the client, in the window", after(kTalk, {{'c', kRst, 181, 0}}), kAssured},
      {"of nobody, with an acknowledgement that is right", after(kTalk, {{'s', kRstAck, 5000, 141}}), kAssured},
      {"number 0", after(kTalk, {{'s', kRst, 0, 0}}), kAssured},
      {"number 0, nothing acknowledged", {{'c', kSyn, 100, 0}, {'s', kRst, 0, 0}}, kHalfOpen},
      {"refused: answers the SYN", {{'c', kSyn, 100, 0}, {'s', kRstAck, 0, 101}}, kClosing},
      {"refused: answers the data of a SYN", {{'c', kSyn, 100, 0, 50}, {'s', kRstAck, 0, 151}}, kClosing},
      {"refused: answers another SYN", {{'c', kSyn, 100, 0}, {'s', kRstAck, 0, 102}}, kHalfOpen},
      {"refused: without ACK", {{'c', kSyn, 100, 0}, {'s', kRst, 101, 0}}, kHalfOpen},
      {"the client knows nothing of the SYN-ACK's SYN",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kRst, 101, 0}},
       kClosing},
      {"the client refuses the responder's SYN",
       {{'c', kSyn, 100, 0}, {'s', kSyn, 300, 0}, {'c', kRstAck, 0, 301}},
       kClosing},
      {"the server refuses a stranger's acknowledgement in the handshake",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}, {'c', kAck, 555, 7777}, {'s', kRst, 7777, 0}},
       kHalfOpen},
      {"the client refuses a stranger's SYN-ACK",
       {{'c', kSyn, 100, 0}, {'s', kSynAck, 555, 7777}, {'c', kRst, 7777, 0}},
       kHalfOpen},
      {"an acknowledgement in a RST is none", after(kTalk, {{'c', kRstAck, 9, 12345}, {'s', kRst, 12345, 0}}),
       kAssured},
      {"the last acknowledgement counts, not the one before",
       after(kTalk, {{'s', kData, 801, 141, 100}, {'c', kAck, 141, 901}, {'s', kRst, 801, 0}}), kAssured},
  });
}

TEST_CASE("FINs close a flow when each has been acknowledged by the other direction") {
  const std::vector<Step> half = after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kAck, 801, 142}});
  const std::vector<Step> both = after(half, {{'s', kFinAck, 801, 142}});
  check_stories({
      {"one FIN", half, kAssured},
      {"both FINs", both, kAssured},
      {"both FINs, acknowledged", after(both, {{'c', kAck, 142, 802}}), kClosing},
      {"in three packets", after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kFinAck, 801, 142}, {'c', kAck, 142, 802}}),
       kClosing},
      {"the other way round", after(kTalk, {{'s', kFinAck, 801, 141}, {'c', kFinAck, 141, 802}, {'s', kAck, 802, 142}}),
       kClosing},
      {"at one moment",
       after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kFinAck, 801, 141}, {'c', kAck, 142, 802}, {'s', kAck, 802, 142}}),
       kClosing},
      {"with data",
       after(kTalk, {{'c', kFinAck | kPsh, 141, 801, 60}, {'s', kFinAck, 801, 202}, {'c', kAck, 202, 802}}), kClosing},
      {"data behind one FIN", after(half, {{'s', kData, 801, 142, 1000}, {'c', kAck, 142, 1801}}), kAssured},
      {"then the other FIN",
       after(half,
             {{'s', kData, 801, 142, 1000}, {'c', kAck, 142, 1801}, {'s', kFinAck, 1801, 142}, {'c', kAck, 142, 1802}}),
       kClosing},
      {"sent twice", after(both, {{'s', kFinAck, 801, 142}, {'c', kAck, 142, 802}}), kClosing},
      {"blind, of the server", after(kTalk, {{'s', kFinAck, 424242, 1}, {'c', kData, 141, 801, 1}}), kAssured},
      {"blind, of both",
       after(kTalk,
             {{'s', kFinAck, 424242, 1}, {'c', kFinAck, 33333, 1}, {'s', kData, 801, 141, 5}, {'c', kAck, 141, 806}}),
       kAssured},
      {"blind, behind a true one",
       after(half, {{'s', kFinAck, 424242, 1}, {'s', kData, 801, 142, 1000}, {'c', kAck, 142, 1801}}), kAssured},
      {"blind, behind a true one, does not hide the other true one",
       after(
           half,
           {{'s', kFinAck, 424242, 1}, {'c', kFinAck, 0x40000099, 1}, {'s', kFinAck, 801, 142}, {'c', kAck, 142, 802}}),
       kClosing},
      {"a wrong acknowledgement of the last FIN", after(both, {{'c', kAck, 142, 803}}), kAssured},
  });
}

TEST_CASE("a SYN on an assured flow changes nothing, and both ends may agree on a new connection") {
  check_stories({
      {"of the originator", after(kTalk, {{'c', kSyn, 7777, 0}}), kAssured},
      {"of the responder", after(kTalk, {{'s', kSyn, 8888, 0}}), kAssured},
      {"SYN-ACK of the responder alone", after(kTalk, {{'s', kSynAck, 8888, 1}}), kAssured},
      {"SYN-ACK that acknowledges another SYN", after(kTalk, {{'c', kSyn, 7777, 0}, {'s', kSynAck, 8888, 7777}}),
       kAssured},
      {"challenged (RFC 5961 section 4.2)",
       after(kTalk, {{'c', kSyn, 7777, 0}, {'s', kAck, 801, 141}, {'c', kData, 141, 801, 5}}), kAssured},
      {"both ends agree", after(kTalk, {{'c', kSyn, 7777, 0}, {'s', kSynAck, 50, 7778}}), kHalfOpen},
      {"both ends agree, and go on",
       after(kTalk, {{'c', kSyn, 7777, 0}, {'s', kSynAck, 50, 7778}, {'c', kAck, 7778, 51}}), kAssured},
      {"the new connection is not assured by numbers of the old one",
       after(kTalk, {{'c', kSyn, 7777, 0}, {'s', kSynAck, 50, 7778}, {'c', kAck, 7778, 801}}), kHalfOpen},
      {"the new connection has nothing of the old one's FINs",
       after(kTalk, {{'c', kFinAck, 141, 801},
                     {'s', kAck, 801, 142},
                     {'c', kSyn, 7777, 0},
                     {'s', kSynAck, 50, 7778},
                     {'c', kAck, 7778, 51},
                     {'s', kFinAck, 51, 7778},
                     {'c', kAck, 7778, 52}}),
       kAssured},
      {"the originator agrees to the responder's SYN: the old flow's roles stay",
       after(kTalk, {{'s', kSyn, 8888, 0}, {'c', kSynAck, 60, 8889}}), kAssured},
      {"FINs behind a new start",
       after(kTalk, {{'c', kSyn, 7777, 0},
                     {'s', kSynAck, 50, 7778},
                     {'c', kAck, 7778, 51},
                     {'c', kFinAck, 7778, 51},
                     {'s', kFinAck, 51, 7779},
                     {'c', kAck, 7779, 52}}),
       kClosing},
  });
}

TEST_CASE("a SYN begins another pair where the closing was confirmed, and not elsewhere") {
  const std::vector<Step> closed =
      after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kFinAck, 801, 142}, {'c', kAck, 142, 802}});
  const std::vector<Step> reset = after(kTalk, {{'s', kRst, 801, 0}});
  for (const bool v6 : {false, true})
    for (const auto& steps : {closed, reset, after(kTalk, {{'s', kRst, 99, 0}}), kTalk, kHandshake}) {
      Conversation flow{v6};
      for (const Step& step : steps) REQUIRE(take(flow, step) == DP_NONE);
      const auto before = flow.identity();
      const bool closing = flow.state() == kClosing;
      REQUIRE(take(flow, {'c', kSyn, 9000, 0}) == DP_NONE);
      CHECK((flow.identity() != before) == closing);
      CHECK(flow.state() == (closing ? kHalfOpen : kAssured));
      REQUIRE(take(flow, {'s', kSynAck, 1, 9001}) == DP_NONE);
      REQUIRE(take(flow, {'c', kAck, 9001, 2}) == DP_NONE);
      CHECK(flow.state() == kAssured);
    }
}

TEST_CASE("rules in force are asked before a closing pair makes room, and when they refuse, it stays") {
  const std::vector<Step> closed =
      after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kFinAck, 801, 142}, {'c', kAck, 142, 802}});
  for (const std::uint8_t side : {DP_SIDE_KERNEL, DP_SIDE_ENGINE}) {
    Conversation flow;
    flow.side = side;
    for (const Step& step : closed) REQUIRE(take(flow, step) == DP_NONE);
    const auto before = flow.identity();
    CHECK(take(flow, {'s', kSyn, 9000, 0}) == DP_ZONE_DEFAULT);  // nothing allows outside to inside
    CHECK(flow.identity() == before);
    CHECK(flow.state() == kClosing);
    CHECK(take(flow, {'c', kAck, 142, 802}) == DP_NONE);  // a late packet still finds its flow
  }
}

TEST_CASE("a RST's flow has seconds to live, FINs' a little longer") {
  Conversation flow;
  for (const Step& step : after(kTalk, {{'s', kRst, 801, 0}})) REQUIRE(take(flow, step) == DP_NONE);
  CHECK(flow.timeout() == flow.timeouts().tcp_reset);
  Conversation other;
  for (const Step& step : after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kFinAck, 801, 142}, {'c', kAck, 142, 802}}))
    REQUIRE(take(other, step) == DP_NONE);
  CHECK(other.timeout() == other.timeouts().tcp_closing);
}

TEST_CASE("flows picked up in the middle are assured when both directions have acknowledged each other") {
  const struct {
    const char* name;
    std::vector<Step> steps;
    std::uint32_t want;
  } cases[] = {
      {"one packet", {{'c', kData, 5000, 9000, 10}}, kHalfOpen},
      {"one direction",
       {{'c', kData, 5000, 9000, 10}, {'c', kData, 5010, 9000, 10}, {'c', kAck, 5020, 9000}},
       kHalfOpen},
      {"upload", {{'c', kData, 5000, 9000, 10}, {'s', kAck, 9000, 5010}, {'c', kData, 5010, 9000, 10}}, kAssured},
      {"download",
       {{'c', kAck, 5000, 9000},
        {'s', kData, 9000, 5000, 1400},
        {'s', kData, 10400, 5000, 1400},
        {'c', kAck, 5000, 11800}},
       kAssured},
      {"download, acknowledged far behind",
       {{'c', kAck, 5000, 9000},
        {'s', kData, 200000, 5000, 1400},
        {'s', kData, 201400, 5000, 1400},
        {'c', kAck, 5000, 9000},
        {'s', kData, 202800, 5000, 1400},
        {'c', kAck, 5000, 201400}},
       kAssured},
      {"the responder acknowledges something else",
       {{'c', kData, 5000, 9000, 10}, {'s', kAck, 9000, 77}, {'c', kAck, 5010, 9000}},
       kHalfOpen},
      {"the originator acknowledges something else",
       {{'c', kData, 5000, 9000, 10}, {'s', kAck, 9000, 5010}, {'c', kAck, 5010, 77}},
       kHalfOpen},
      {"a stranger's packet began it",
       {{'c', kData, 123456, 7, 10}, {'c', kData, 5000, 9000, 10}, {'s', kAck, 9000, 5000}, {'c', kAck, 5010, 9000}},
       kAssured},
      {"a stranger's packet answered it",
       {{'c', kData, 5000, 9000, 10}, {'s', kAck, 55555, 8}, {'s', kAck, 9000, 5010}, {'c', kAck, 5010, 9000}},
       kAssured},
      {"strangers' packets both ways",
       {{'c', kData, 123456, 7, 10},
        {'s', kAck, 55555, 8},
        {'c', kAck, 5000, 9000},
        {'s', kAck, 9000, 5000},
        {'c', kAck, 5000, 9000}},
       kAssured},
      {"a RST that answers", {{'c', kData, 5000, 9000, 10}, {'s', kRst, 9000, 0}}, kClosing},
      {"a RST that does not", {{'c', kData, 5000, 9000, 10}, {'s', kRst, 9001, 0}}, kHalfOpen},
  };
  for (const bool v6 : {false, true})
    for (const auto& c : cases) {
      INFO(std::string{c.name});
      Conversation flow{v6};
      flow.tables().settings.pickup = DP_PICKUP_LOOSE;
      for (const Step& step : c.steps) REQUIRE(take(flow, step) == DP_NONE);
      CHECK(flow.state() == c.want);
    }
}

TEST_CASE("a packet in the middle is picked up in the direction that the rules allow") {
  for (const bool v6 : {false, true})
    for (const std::uint8_t side : {DP_SIDE_KERNEL, DP_SIDE_ENGINE}) {
      Conversation flow{v6};
      flow.side = side;
      CHECK(take(flow, {'s', kData, 9000, 5000, 1400}) == DP_NOT_SYN);  // strict
      flow.tables().settings.pickup_grace = 1;
      flow.tables().settings.pickup_ticks = 100;
      flow.tables().settings.pickup_until = flow.tables().now + 50;
      CHECK(take(flow, {'s', kSynAck, 9000, 5000}) == DP_NOT_SYN);
      REQUIRE(take(flow, {'s', kData, 9000, 5000, 1400}) == DP_NONE);  // no rule allows outside to inside
      const dp_context& last = flow.tables().last;
      CHECK((last.view.link & DP_FLOW_FORWARD) == 0);
      CHECK(last.match.rule == 7);
      CHECK(last.known == 1);
      CHECK(flow.state() == kHalfOpen);
      REQUIRE(take(flow, {'c', kAck, 5000, 10400}) == DP_NONE);
      CHECK((last.view.link & DP_FLOW_FORWARD) != 0);
      REQUIRE(take(flow, {'s', kData, 10400, 5000, 1400}) == DP_NONE);
      REQUIRE(take(flow, {'c', kAck, 5000, 11800}) == DP_NONE);
      CHECK(flow.state() == kAssured);
      CHECK(flow.tables().slots_in_use() == 2);
      // judged again in its original direction
      flow.tables().settings.stamp += 1U << 16;
      CHECK(take(flow, {'s', kData, 11800, 5000, 1400}) == DP_NONE);
    }
}

TEST_CASE("what no rule allows in either direction is not picked up, and the rule of its own direction is named") {
  GatewayTables tables;
  tables.settings.pickup = DP_PICKUP_LOOSE;
  tables.set_rules(kOutside, kInside, {any_rule(9, DP_ACTION_REJECT)});
  const Bytes frame = (Eth{.dst = kWanMac} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} /
                       Tcp{.sport = 80, .dport = 1000, .seq = 1, .ack = 1, .flags = kAck})
                          .bytes();
  CHECK(tables.decide(frame, kWan) == DP_STEER_REJECT);
  CHECK(tables.last.match.rule == 9);
  CHECK(tables.slots_in_use() == 0);
}

TEST_CASE("the grace time does not come back, wherever the clock stands") {
  GatewayTables tables;
  tables.settings.pickup_grace = 1;
  tables.settings.pickup_ticks = 6000;
  for (const std::uint32_t begin : {0U, 1'000'000U, 0x7fffffffU, 0x80000000U, 0xfffff000U}) {
    tables.settings.pickup_until = begin + 6000;
    for (const std::uint32_t since : {0U, 1U, 5999U}) CHECK(dp_in_grace(&tables.settings, begin + since) != 0);
    for (const std::uint32_t since :
         {6000U, 6001U, 1U << 20, 0x7fffffffU, 0x80000000U, 0x80001770U, 0x80001771U, 0xc0000000U, 0xfffffff0U})
      CHECK(dp_in_grace(&tables.settings, begin + since) == 0);
  }
}

TEST_CASE("a stranger's packets change the state of no flow, of whatever age") {
  const struct {
    const char* name;
    std::vector<Step> steps;
    Step goes_on;        // what the flow's own next packet is, and
    std::uint32_t then;  // what that leads to
  } ages[] = {
      {"SYN sent", {{'c', kSyn, 100, 0}}, {'s', kSynAck, 300, 101}, kHalfOpen},
      {"SYN-ACK sent", {{'c', kSyn, 100, 0}, {'s', kSynAck, 300, 101}}, {'c', kAck, 101, 301}, kAssured},
      {"just assured", kHandshake, {'c', kData, 101, 301, 10}, kAssured},
      {"busy", kTalk, {'s', kData, 801, 141, 100}, kAssured},
      {"half-closed",
       after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kAck, 801, 142}}),
       {'s', kData, 801, 142, 100},
       kAssured},
      {"both FINs",
       after(kTalk, {{'c', kFinAck, 141, 801}, {'s', kFinAck, 801, 142}}),
       {'c', kAck, 142, 802},
       kClosing},
  };
  constexpr std::uint8_t kFlags[] = {kRst, kRstAck, kSyn, kSynAck, kFinAck, kAck, kData, kFinAck | kPsh};
  const bool long_form = std::getenv("TWINPATH_LONG") != nullptr;
  const std::uint32_t packets = long_form ? 1'000'000 : 20'000;
  std::mt19937 random(20261129);
  for (const bool v6 : {false, true})
    for (const auto& age : ages) {
      INFO(std::string{age.name});
      CAPTURE(v6);
      Conversation flow{v6};
      for (const Step& step : age.steps) REQUIRE(take(flow, step) == DP_NONE);
      const std::uint32_t before = flow.state();
      const auto identity = flow.identity();
      for (std::uint32_t i = 0; i < packets; ++i) {
        const Step blind{'s', kFlags[random() % std::size(kFlags)], static_cast<std::uint32_t>(random()),
                         static_cast<std::uint32_t>(random()), random() % 20};
        flow.side = random() % 2 == 0 ? DP_SIDE_KERNEL : DP_SIDE_ENGINE;
        REQUIRE(take(flow, blind) == DP_NONE);
      }
      REQUIRE(flow.state() == before);
      REQUIRE(flow.identity() == identity);
      REQUIRE(take(flow, age.goes_on) == DP_NONE);
      CHECK(flow.state() == age.then);
    }
}
