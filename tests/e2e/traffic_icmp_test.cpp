// What the gateway itself answers: ICMP errors and resets, as a client sees them, with right checksums.
#include <doctest/doctest.h>

#include <algorithm>

#include "harness/gateway_lab.hpp"
#include "harness/mailbox.hpp"
#include "harness/packet.hpp"
#include "harness/talk.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr const char* kRules = R"([
  {"name": "no-telnet", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": [23], "action": "reject"},
  {"name": "no-tftp", "from": "inside", "to": "outside", "protocol": "udp", "destination_port": [69], "action": "reject"},
  {"name": "out", "from": "inside", "to": "outside", "action": "allow"}])";

constexpr int kIcmpAt4 = 14 + 20, kIcmpAt6 = 14 + 40;

std::uint32_t get16(const Bytes& frame, std::size_t at) {
  return static_cast<std::uint32_t>(frame[at] << 8 | frame[at + 1]);
}
bool is_v6(const Bytes& frame) { return frame.size() > 14 && get16(frame, 12) == 0x86dd; }

// An ICMP or ICMPv6 error that quotes `sent`: the IP header's own addresses are in the quote.
bool quotes(const Bytes& frame, const Bytes& sent) {
  if (is_v6(frame) != is_v6(sent) || frame.size() < kIcmpAt4 + 28) return false;
  const std::size_t icmp = is_v6(frame) ? kIcmpAt6 : kIcmpAt4, addresses = is_v6(frame) ? 8 : 12,
                    length = is_v6(frame) ? 32 : 8;
  if (frame[is_v6(frame) ? 20 : 23] != (is_v6(frame) ? 58 : 1) || frame.size() < icmp + 8 + addresses + length)
    return false;
  return std::equal(sent.begin() + 14 + static_cast<long>(addresses),
                    sent.begin() + 14 + static_cast<long>(addresses + length),
                    frame.begin() + static_cast<long>(icmp + 8 + addresses));
}

struct Expected {
  std::string name;
  Bytes sent;
  int type, code;
  std::uint32_t mtu = 0;
};

Eth link() { return Eth{.dst = lab_mac(1, 1), .src = lab_mac(1, 2)}; }
Ipv4 to4(const char* destination) { return Ipv4{.src = "10.1.0.2", .dst = destination}; }
Ipv6 to6(const char* destination) { return Ipv6{.src = "2001:db8:1::2", .dst = destination}; }

std::vector<Expected> expected_errors() {
  Ipv4 last = to4("10.2.0.2"), whole = to4("10.2.0.2");
  Ipv6 last6 = to6("2001:db8:2::2");
  last.ttl = 1;
  last6.hop_limit = 1;
  whole.df = true;
  return {
      {"TTL 1", (link() / last / Udp{.dport = 33434} / Payload(32)).bytes(), 11, 0},
      {"TTL 1 with an echo request", (link() / last / Icmp{}).bytes(), 11, 0},
      {"hop limit 1", (link() / last6 / Udp{.dport = 33434} / Payload(32)).bytes(), 3, 0},
      {"no route", (link() / to4("203.0.113.9") / Udp{}).bytes(), 3, 0},
      {"no route over IPv6", (link() / to6("2001:db8:dead::9") / Udp{}).bytes(), 1, 0},
      {"unreachable route", (link() / to4("203.0.114.9") / Udp{}).bytes(), 3, 1},
      {"unreachable route over IPv6", (link() / to6("2001:db8:dead:1::9") / Udp{}).bytes(), 1, 0},
      {"prohibit route", (link() / to4("203.0.115.9") / Udp{}).bytes(), 3, 13},
      {"prohibit route over IPv6", (link() / to6("2001:db8:dead:2::9") / Udp{}).bytes(), 1, 1},
      {"prohibit by a rule of policy routing", (link() / to4("203.0.116.9") / Udp{}).bytes(), 3, 13},
      {"throw in the only table", (link() / to4("203.0.117.9") / Udp{}).bytes(), 3, 0},
      {"rule says reject", (link() / to4("10.2.0.2") / Udp{.dport = 69}).bytes(), 3, 13},
      {"rule says reject over IPv6", (link() / to6("2001:db8:2::2") / Udp{.dport = 69}).bytes(), 1, 1},
      {"too big, not to be fragmented", (link() / whole / Udp{} / Payload(1400)).bytes(), 3, 4, 1300},
      {"too big over IPv6", (link() / to6("2001:db8:2::2") / Udp{} / Payload(1400)).bytes(), 2, 0, 1300},
      {"neighbour that does not answer", (link() / to4("10.2.0.77") / Udp{}).bytes(), 3, 1},
      {"neighbour that does not answer over IPv6", (link() / to6("2001:db8:2::77") / Udp{}).bytes(), 1, 3},
  };
}

void check_error(Mailbox& mailbox, const Expected& expected) {
  const auto error = mailbox.wait_for([&](const Bytes& frame) { return quotes(frame, expected.sent); });
  REQUIRE_MESSAGE(error, "no ICMP error came");
  const std::size_t icmp = is_v6(*error) ? kIcmpAt6 : kIcmpAt4;
  CHECK((*error)[icmp] == expected.type);
  CHECK((*error)[icmp + 1] == expected.code);
  CHECK(get16(*error, icmp + 6) == expected.mtu);
  CHECK(checksums_right(*error));
  const Ip4 from4 = "10.1.0.1";
  const Ip6 from6 = "2001:db8:1::1";
  if (is_v6(*error))
    CHECK(std::equal(from6.octets.begin(), from6.octets.end(), error->begin() + 14 + 8));
  else
    CHECK(std::equal(from4.octets.begin(), from4.octets.end(), error->begin() + 14 + 12));
}

}  // namespace

TEST_CASE("the gateway answers with the fitting ICMP error, from its own address, with right checksums and MTU") {
  if (!require_root()) return;
  GatewayLab lab{"icmp"};
  CAPTURE(lab.log());
  lab.gateway.run(
      "ip link set wan0 mtu 1300; ip route add unreachable 203.0.114.0/24; ip route add prohibit 203.0.115.0/24;"
      "ip route add throw 203.0.117.0/24; ip rule add to 203.0.116.0/24 prohibit;"
      "ip -6 route add unreachable 2001:db8:dead:1::/64; ip -6 route add prohibit 2001:db8:dead:2::/64");
  lab.obtain_next_hops();
  lab.start(lab.config(kRules));
  Mailbox mailbox(lab.client);
  const Sender sender(lab.client, "eth0");
  for (const Expected& expected : expected_errors()) {
    CAPTURE(expected.name);
    mailbox.forget();
    sender.send(expected.sent);
    check_error(mailbox, expected);
  }
}

TEST_CASE("a rejected SYN is answered with a reset that acknowledges it") {
  if (!require_root()) return;
  GatewayLab lab{"reset"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  Mailbox mailbox(lab.client);
  const Sender sender(lab.client, "eth0");
  const Tcp syn{.sport = 45000, .dport = 23, .seq = 0x01020304};
  for (const Bytes& sent : {(link() / to4("10.2.0.2") / syn).bytes(), (link() / to6("2001:db8:2::2") / syn).bytes()}) {
    sender.send(sent);
    const auto reset = mailbox.wait_for([&](const Bytes& frame) {
      const FlowName name = flow_name(frame);
      return name.protocol == 6 && name.source_port == 23 && name.destination_port == 45000 &&
             is_v6(frame) == is_v6(sent);
    });
    REQUIRE(reset);
    const std::size_t tcp = is_v6(*reset) ? kIcmpAt6 : kIcmpAt4;
    CHECK((*reset)[tcp + 13] == (tcp::kRst | tcp::kAck));
    CHECK(get16(*reset, tcp + 8) == 0x0102);
    CHECK(get16(*reset, tcp + 10) == 0x0305);
    CHECK(checksums_right(*reset));
  }
  // And a client's Linux takes it for what it is.
  for (const char* server : {"10.2.0.2", "2001:db8:2::2"}) {
    CAPTURE(std::string(server));
    const CommandOutput ran = lab.client.attempt("timeout 8 bash -c 'exec 3<>/dev/tcp/" + std::string(server) + "/23'");
    CHECK(ran.status == 1);
    CHECK(ran.output.find("Connection refused") != std::string::npos);
  }
}

TEST_CASE("TCP learns of a smaller MTU behind the gateway and gets through, under either place") {
  if (!require_root()) return;
  for (const std::string place : {"auto", "user"}) {
    CAPTURE(place);
    GatewayLab lab{"pmtu"};
    CAPTURE(lab.log());
    lab.gateway.run("ip link set lan0 mtu 1400");
    lab.start(lab.config(R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow", "place": ")" +
                         place + R"("}])"));
    for (const auto& [client, server] :
         {std::pair{"10.1.0.2", "10.2.0.2"}, std::pair{"2001:db8:1::2", "2001:db8:2::2"}}) {
      CAPTURE(std::string(server));
      const UniqueFd listening = tcp_listen(lab.server, {server, 80});
      const UniqueFd near = tcp_connect(lab.client, {client, 0}, {server, 80});
      const UniqueFd far = tcp_accept(listening.get());
      CHECK(noise_arrives(far.get(), near.get(), 5));
    }
    CHECK(lab.drops("too_big") >= 2);
  }
}
