// What must not pass: real frames over a veth, each counted under its reason, none at the far end, none in Linux.
// "In Linux" is heard by AF_PACKET at the gateway's own device, which hears only what XDP has passed.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "harness/gateway_lab.hpp"
#include "harness/malformed.hpp"
#include "harness/wire.hpp"
#include "telemetry/reasons.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

const Mac kWan = lab_mac(2, 1);
const Mac kStranger{{0x02, 0x74, 0x77, 0, 9, 9}};  // source of every frame sent here, so that none is mistaken

constexpr const char* kAllowAll = R"([{"name": "all", "from": "any", "to": "any", "action": "allow"}])";

std::string name_of_reason(dp_reason reason) { return std::string(kReasons[reason].name); }

// IP frames that arrive at `device`, except what the link says to itself.
class Arrivals {
 public:
  Arrivals(const TestNamespace& part, const std::string& device, std::function<bool(const Heard&)> ours)
      : listener_(part, device, [this, ours = std::move(ours)](const Heard& heard) {
          if (!heard.outgoing && ours(heard)) ++count_;
        }) {}
  [[nodiscard]] int count() const { return count_; }

 private:
  std::atomic<int> count_{0};
  Listener listener_;
};

bool from_stranger(const Heard& heard) {
  return heard.frame.size() >= 12 &&
         std::equal(kStranger.octets.begin(), kStranger.octets.end(), heard.frame.begin() + 6);
}

// Neither ARP nor neighbour discovery.
bool is_traffic(const Heard& heard) {
  if (heard.frame.size() < 34) return false;
  const bool v4 = heard.frame[12] == 8 && heard.frame[13] == 0;
  const bool v6 = heard.frame[12] == 0x86 && heard.frame[13] == 0xdd && heard.frame[20] != 58 && heard.frame[20] != 0;
  return v4 || v6;
}

// A gateway between the addresses that harness/layers.hpp uses by default: the sources behind the server, the
// destinations behind the client.
class Border {
 public:
  explicit Border(const std::string& prefix, const char* rules = kAllowAll) : lab(prefix) {
    lab.gateway.run(
        "ip route add 192.0.2.0/24 via 10.2.0.2 && ip route add 198.51.100.0/24 via 10.1.0.2 && "
        "ip route add 2001:db8::/64 via 2001:db8:2::2 && ip route add 2001:db8:100::/48 via 2001:db8:1::2");
    lab.obtain_next_hops();
    nlohmann::json document = lab.config(rules);
    document["flows"]["pickup"] = "strict";
    lab.start(document);
    sender.emplace(lab.server, "eth0");
    at_client.emplace(lab.client, "eth0", is_traffic);
    in_linux.emplace(lab.gateway, "wan0", from_stranger);
  }

  // One frame, and one more drop under this reason.
  bool dropped_as(const Bytes& frame, dp_reason reason) {
    const std::string name = name_of_reason(reason);
    const std::uint64_t before = lab.drops(name);
    sender->send(frame);
    return eventually([&] { return lab.drops(name) == before + 1; }, std::chrono::seconds{3});
  }

  GatewayLab lab;
  std::optional<Sender> sender;
  std::optional<Arrivals> at_client, in_linux;
};

Eth link() { return Eth{.dst = kWan, .src = kStranger}; }

struct Refused {
  std::string name;
  Bytes frame;
  dp_reason reason;
};

// All allowed by the rules, or no matter of them.
std::vector<Refused> refused_whatever_the_rules_say() {
  const Ipv4 ip{.src = "192.0.2.7", .dst = "198.51.100.7"};
  const Ipv6 ip6{.src = "2001:db8::7", .dst = "2001:db8:100::7"};
  const Eth another{.dst = {{0x02, 0x74, 0x77, 0, 2, 77}}, .src = kStranger};
  const Eth other_wire{.dst = lab_mac(1, 1), .src = kStranger};
  return {
      {"mid-stream TCP", (link() / ip / Tcp{.flags = tcp::kAck}).bytes(), DP_NOT_SYN},
      {"mid-stream TCP with data", (link() / ip / Tcp{.flags = tcp::kAck | tcp::kPsh} / Payload(100)).bytes(),
       DP_NOT_SYN},
      {"unexpected SYN-ACK", (link() / ip / Tcp{.flags = tcp::kSyn | tcp::kAck}).bytes(), DP_NOT_SYN},
      {"RST to nobody", (link() / ip / Tcp{.flags = tcp::kRst}).bytes(), DP_NOT_SYN},
      {"FIN of no connection", (link() / ip / Tcp{.flags = tcp::kFin | tcp::kAck}).bytes(), DP_NOT_SYN},
      {"mid-stream TCP over IPv6", (link() / ip6 / Tcp{.flags = tcp::kAck}).bytes(), DP_NOT_SYN},
      {"echo reply to no echo", (link() / ip / Icmp{.type = 0}).bytes(), DP_UNSOLICITED_ICMP},
      {"ICMPv6 echo reply to no echo", (link() / ip6 / Icmp{.type = 129}).bytes(), DP_UNSOLICITED_ICMP},
      {"ICMP error that quotes no flow",
       (link() / ip / Icmp{.type = 3, .code = 1} / Ipv4{.src = "198.51.100.7", .dst = "192.0.2.7"} / Udp{}).bytes(),
       DP_UNSOLICITED_ICMP},
      {"another station's frame", (another / ip / Udp{}).bytes(), DP_NOT_OUR_MAC},
      {"the frame of our other port", (other_wire / ip / Udp{}).bytes(), DP_NOT_OUR_MAC},
      {"source of the inside", (link() / Ipv4{.src = "10.1.0.2", .dst = "198.51.100.7"} / Udp{}).bytes(),
       DP_SOURCE_CHECK_FAILED},
      {"source that no route leads to", (link() / Ipv4{.src = "203.0.113.1", .dst = "198.51.100.7"} / Udp{}).bytes(),
       DP_SOURCE_CHECK_FAILED},
      {"source of the inside over IPv6",
       (link() / Ipv6{.src = "2001:db8:1::2", .dst = "2001:db8:100::7"} / Udp{}).bytes(), DP_SOURCE_CHECK_FAILED},
      {"our own source", (link() / Ipv4{.src = "10.2.0.1", .dst = "198.51.100.7"} / Udp{}).bytes(), DP_MARTIAN_SOURCE},
      {"TTL 1", (link() / Ipv4{.src = "192.0.2.7", .dst = "198.51.100.7", .ttl = 1} / Udp{}).bytes(), DP_TTL_EXCEEDED},
      {"TTL 0", (link() / Ipv4{.src = "192.0.2.7", .dst = "198.51.100.7", .ttl = 0} / Udp{}).bytes(), DP_TTL_EXCEEDED},
      {"hop limit 1", (link() / Ipv6{.src = "2001:db8::7", .dst = "2001:db8:100::7", .hop_limit = 1} / Udp{}).bytes(),
       DP_TTL_EXCEEDED},
      {"the broadcast address of the other link",
       (link() / Ipv4{.src = "192.0.2.7", .dst = "10.1.0.255"} / Udp{}).bytes(), DP_MULTICAST_NOT_ROUTED},
      {"neither IP nor ARP", (Eth{.dst = kWan, .src = kStranger, .type = 0x88b5} / Payload(46)).bytes(),
       DP_UNKNOWN_ETHERTYPE},
  };
}

// To the gateway itself, where the host zone allows everything.
std::vector<Refused> refused_before_linux() {
  const Ip4 host = "10.2.0.1";
  const Ip6 host6 = "2001:db8:2::1";
  const Eth another{.dst = {{0x02, 0x74, 0x77, 0, 2, 77}}, .src = kStranger};
  const Bytes loose = {131, 7, 4, 192, 0, 2, 9, 0}, strict = {137, 7, 4, 192, 0, 2, 9, 0};
  return {
      {"to another MAC", (another / Ipv4{.src = "192.0.2.7", .dst = host} / Udp{}).bytes(), DP_NOT_OUR_MAC},
      {"loose source route", (link() / Ipv4{.src = "192.0.2.7", .dst = host, .options = loose} / Udp{}).bytes(),
       DP_SOURCE_ROUTE},
      {"strict source route", (link() / Ipv4{.src = "192.0.2.7", .dst = host, .options = strict} / Udp{}).bytes(),
       DP_SOURCE_ROUTE},
      {"routing header", (link() / Ipv6{.src = "2001:db8::7", .dst = host6} / routing(0) / Udp{}).bytes(),
       DP_SOURCE_ROUTE},
      {"segment routing header", (link() / Ipv6{.src = "2001:db8::7", .dst = host6} / routing(4) / Udp{}).bytes(),
       DP_SOURCE_ROUTE},
      {"source of the inside", (link() / Ipv4{.src = "10.1.0.2", .dst = host} / Udp{}).bytes(), DP_SOURCE_CHECK_FAILED},
      {"source that no route leads to", (link() / Ipv4{.src = "203.0.113.1", .dst = host} / Udp{}).bytes(),
       DP_SOURCE_CHECK_FAILED},
      {"source of the inside over IPv6", (link() / Ipv6{.src = "2001:db8:1::2", .dst = host6} / Udp{}).bytes(),
       DP_SOURCE_CHECK_FAILED},
      {"loopback as source", (link() / Ipv4{.src = "127.0.0.1", .dst = host} / Udp{}).bytes(), DP_MARTIAN_SOURCE},
      {"our other address as source", (link() / Ipv4{.src = "10.1.0.1", .dst = host} / Udp{}).bytes(),
       DP_MARTIAN_SOURCE},
  };
}

}  // namespace

TEST_CASE("every malformed frame is dropped and counted under its reason, and none is heard behind the gateway") {
  if (!require_root()) return;
  Border border{"malformed"};
  CAPTURE(border.lab.log());
  const MalformedFrames frames(kWan, kStranger);
  for (const Malformed& row : frames.all()) {
    if (row.frame.size() < 14) continue;  // no device takes it
    CAPTURE(row.name);
    CHECK_MESSAGE(border.dropped_as(row.frame, row.reason), "not counted as ", name_of_reason(row.reason));
  }
  CHECK(border.at_client->count() == 0);
  CHECK(border.in_linux->count() == 0);
  // Whoever sits behind the gateway would have heard a good one.
  border.sender->send((link() / Ipv4{} / Udp{}).bytes());
  CHECK(eventually([&] { return border.at_client->count() == 1; }));
  CHECK(border.in_linux->count() == 0);
}

TEST_CASE("what belongs to no flow, to another station or to another side is dropped though the rules allow it") {
  if (!require_root()) return;
  Border border{"refused"};
  CAPTURE(border.lab.log());
  for (const Refused& row : refused_whatever_the_rules_say()) {
    CAPTURE(row.name);
    CHECK_MESSAGE(border.dropped_as(row.frame, row.reason), "not counted as ", name_of_reason(row.reason), " but ",
                  border.lab.get("/v1/drops").dump());
  }
  CHECK(border.at_client->count() == 0);
  CHECK(border.in_linux->count() == 0);
  CHECK(border.lab.policies().empty());
}

TEST_CASE("what comes unasked from outside is dropped, counted, and leaves no pair") {
  if (!require_root()) return;
  Border border{"unasked", R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow"}])"};
  CAPTURE(border.lab.log());
  const Ipv4 ip{.src = "192.0.2.7", .dst = "198.51.100.7"};
  const Ipv6 ip6{.src = "2001:db8::7", .dst = "2001:db8:100::7"};
  const std::pair<const char*, Bytes> rows[] = {
      {"SYN", (link() / ip / Tcp{}).bytes()},
      {"UDP", (link() / ip / Udp{}).bytes()},
      {"echo request", (link() / ip / Icmp{}).bytes()},
      {"SYN over IPv6", (link() / ip6 / Tcp{}).bytes()},
      {"UDP over IPv6", (link() / ip6 / Udp{}).bytes()},
      {"ICMPv6 echo request", (link() / ip6 / Icmp{.type = 128}).bytes()},
  };
  for (const auto& [name, frame] : rows) {
    CAPTURE(std::string(name));
    CHECK(border.dropped_as(frame, DP_ZONE_DEFAULT));
  }
  CHECK(border.at_client->count() == 0);
  CHECK(border.in_linux->count() == 0);
  CHECK(border.lab.policies().empty());
}

TEST_CASE("frames for another station, with source routes or with a wrong source do not reach Linux") {
  if (!require_root()) return;
  Border border{"tolinux"};
  CAPTURE(border.lab.log());
  for (const Refused& row : refused_before_linux()) {
    CAPTURE(row.name);
    CHECK_MESSAGE(border.dropped_as(row.frame, row.reason), "not counted as ", name_of_reason(row.reason), " but ",
                  border.lab.get("/v1/drops").dump());
  }
  CHECK(border.in_linux->count() == 0);
  border.sender->send((link() / Ipv4{.src = "192.0.2.7", .dst = "10.2.0.1"} / Udp{.dport = 9}).bytes());
  CHECK(eventually([&] { return border.in_linux->count() == 1; }));
}
