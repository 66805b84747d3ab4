// What senders are told about packets that cannot be forwarded: the gateway says what Linux's own forwarding says on the same
// devices, addresses and routes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "harness/gateway_lab.hpp"
#include "harness/mailbox.hpp"
#include "harness/packet.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

std::uint32_t get16(const Bytes& frame, std::size_t at) {
  return static_cast<std::uint32_t>(frame[at] << 8 | frame[at + 1]);
}
bool is_v6(const Bytes& frame) { return frame.size() > 54 && get16(frame, 12) == 0x86dd; }
bool is_v4(const Bytes& frame) { return frame.size() > 34 && get16(frame, 12) == 0x0800; }

std::string source_of(const Bytes& frame) {
  char text[INET6_ADDRSTRLEN];
  const bool v6 = is_v6(frame);
  return inet_ntop(v6 ? AF_INET6 : AF_INET, frame.data() + (v6 ? 22 : 26), text, sizeof(text));
}

// "time exceeded", "too big for 1400" and so on, and from whom; nothing for what is no error.
std::optional<std::string> told(const Bytes& frame) {
  const bool v6 = is_v6(frame);
  if (v6 ? frame[20] != 58 : !is_v4(frame) || frame[23] != 1) return {};
  const std::size_t icmp = v6 ? 54 : 34;
  const int type = frame[icmp], code = frame[icmp + 1];
  if (v6 ? type == 1 && code == 4 : type == 3 && code == 3) return {};  // the server's: nobody has the port
  if (v6 ? type >= 128 : type != 3 && type != 11) return {};
  const bool too_big = v6 ? type == 2 : type == 3 && code == 4;
  return fmt::format("{} {}{} from {}", type, code, too_big ? fmt::format(" mtu {}", get16(frame, icmp + 6)) : "",
                     source_of(frame));
}

struct Question {
  std::string name;
  Packet packet;
};

// Asks one thing of whoever forwards in the gateway: what the sender is told, or the sizes of what arrives.
class Asker {
 public:
  explicit Asker(const GatewayLab& lab) : lab_(lab), client_(lab.client), server_(lab.server) {}

  std::string ask(const Packet& packet) {
    client_.forget();
    server_.forget();
    Sender(lab_.client, "eth0").send(packet.bytes());
    std::string answer = "nothing";
    (void)eventually(
        [&] {
          if (const auto error = client_.find([](const Bytes& frame) { return told(frame).has_value(); }))
            answer = *told(*error);
          else if (const auto one = server_.find([](const Bytes& frame) { return arrives(frame); }))
            answer = fmt::format("arrives, {} bytes first", get16(*one, is_v6(*one) ? 18 : 16));
          return answer != "nothing";
        },
        std::chrono::seconds{5});
    return answer;
  }
  std::map<std::string, std::string> ask_all(const std::vector<Question>& questions) {
    std::map<std::string, std::string> answers;
    for (const Question& question : questions) answers[question.name] = ask(question.packet);
    return answers;
  }

 private:
  static bool arrives(const Bytes& frame) {
    return (is_v4(frame) && frame[23] == 17) || (is_v6(frame) && (frame[20] == 17 || frame[20] == 44));
  }

  const GatewayLab& lab_;
  Mailbox client_, server_;
};

Eth link() { return Eth{.dst = lab_mac(1, 1), .src = lab_mac(1, 2)}; }
Packet v4(const char* to, std::size_t bytes, bool df = true, std::uint8_t ttl = 64, const char* from = "10.1.0.2") {
  return link() / Ipv4{.src = from, .dst = to, .ttl = ttl, .df = df} / Udp{.dport = 33434} / Payload(bytes - 28);
}
Packet v6(const char* to, std::size_t bytes, std::uint8_t hops = 64, const char* from = "2001:db8:1::2") {
  return link() / Ipv6{.src = from, .dst = to, .hop_limit = hops} / Udp{.dport = 33434} / Payload(bytes - 48);
}

// Linux forwards, and says all it has to say.
void let_linux_forward(const GatewayLab& lab, bool on) {
  lab.gateway.run(
      fmt::format("sysctl -qw net.ipv4.ip_forward={0} net.ipv6.conf.all.forwarding={0} "
                  "net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000",
                  on ? 1 : 0));
}

void expect_same(const std::map<std::string, std::string>& linux_says,
                 const std::map<std::string, std::string>& we_say) {
  for (const auto& [name, answer] : linux_says) {
    CAPTURE(name);
    CHECK(answer != "nothing");
    CHECK(we_say.at(name) == answer);
  }
}

}  // namespace

TEST_CASE("the MTU of a route counts as in Linux, also when it changes under a flow") {
  if (!require_root()) return;
  GatewayLab lab{"rmtu"};
  CAPTURE(lab.log());
  lab.server.run(
      "for i in 1 2 3 4; do ip address add 10.9.$i.9/32 dev lo; ip address add 2001:db8:9:$i::9/128 dev lo nodad; "
      "done");
  const auto routes = [&](int mtu) {
    lab.gateway.run(fmt::format(
        "ip route replace 10.9.1.0/24 via 10.2.0.2 mtu {0}; ip route replace 10.9.2.0/24 via 10.2.0.2 mtu lock {0};"
        "ip route replace 10.9.3.0/24 via 10.2.0.2; ip route replace 10.2.0.2/32 dev wan0 mtu {0};"
        "ip -6 route replace 2001:db8:9:1::/64 via 2001:db8:2::2 mtu {0};"
        "ip -6 route replace 2001:db8:9:2::/64 via 2001:db8:2::2 mtu lock {0};"
        "ip -6 route replace 2001:db8:9:3::/64 via 2001:db8:2::2;"
        "ip -6 route replace 2001:db8:9:4::/64 via 2001:db8:2::2 mtu lock 1000;"
        "ip -6 route replace 2001:db8:2::2/128 dev wan0 mtu lock {0}",
        mtu));
  };
  std::vector<Question> questions{{"no fragmentation, on a link", v4("10.2.0.2", 1450)},
                                  {"IPv6, on a link, locked", v6("2001:db8:2::2", 1450)}};
  for (const char* which : {"1", "2", "3"}) {
    const std::string to4 = fmt::format("10.9.{}.9", which), to6 = fmt::format("2001:db8:9:{}::9", which);
    for (const std::size_t bytes : {1350, 1400, 1450}) {
      questions.push_back({fmt::format("{} bytes to {}", bytes, to4), v4(to4.c_str(), bytes)});
      questions.push_back({fmt::format("{} bytes to {}, to be fragmented", bytes, to4), v4(to4.c_str(), bytes, false)});
      questions.push_back({fmt::format("{} bytes to {}", bytes, to6), v6(to6.c_str(), bytes)});
    }
  }
  let_linux_forward(lab, true);
  Asker asker(lab);
  (void)asker.ask(v4("10.2.0.2", 100));
  (void)asker.ask(v6("2001:db8:2::2", 100));
  std::map<int, std::map<std::string, std::string>> linux_says;
  for (const int mtu : {1400, 1340}) {
    routes(mtu);
    linux_says[mtu] = asker.ask_all(questions);
  }
  let_linux_forward(lab, false);
  lab.start(lab.config(kAllowOut));
  for (const int mtu : {1340, 1400}) {
    routes(mtu);
    CHECK(eventually([&] { return asker.ask(questions[0].packet) == linux_says[mtu].at(questions[0].name); }));
    expect_same(linux_says[mtu], asker.ask_all(questions));
  }
  // Linux says 1,000 here, which no IPv6 sender has to obey (RFC 8200 section 5).
  CHECK(asker.ask(v6("2001:db8:9:4::9", 1290)) == "2 0 mtu 1280 from 2001:db8:1::1");
  CHECK(asker.ask(v6("2001:db8:9:4::9", 1280)) == "arrives, 1240 bytes first");
}

TEST_CASE("ICMP errors come from the address that Linux would send them from, whatever addresses the port has") {
  if (!require_root()) return;
  struct {
    const char* name;
    const char* change;
  } cases[] = {
      {"one address", "true"},
      {"a secondary and a lower primary one",
       "ip address add 10.1.0.1/24 dev lan0 2>/dev/null; ip address add 10.0.0.1/24 dev lan0; ip address add "
       "10.1.0.0/24 dev lan0"},
      {"a wider prefix of a second address", "ip address add 10.5.5.5/8 dev lan0"},
      {"a route's own source",
       "ip address add 10.255.0.1/32 dev lo; ip route replace 10.1.0.2/32 dev lan0 src 10.255.0.1"},
      {"the sender behind a gateway in the second subnet",
       "ip address add 10.0.7.1/24 dev lan0; ip route replace 10.1.0.2/32 via 10.0.7.2 dev lan0"},
      {"no address, one on the loopback device",
       "ip address add 10.255.0.1/32 dev lo; ip address add 2001:db8:ff::1/128 dev lo nodad;"
       "ip address del 10.1.0.1/24 dev lan0; ip address del 2001:db8:1::1/64 dev lan0;"
       "ip route add 10.1.0.2/32 dev lan0; ip -6 route add 2001:db8:1::/64 dev lan0"},
      {"no address, one on another port",
       "ip address del 10.1.0.1/24 dev lan0; ip address del 2001:db8:1::1/64 dev lan0;"
       "ip route add 10.1.0.2/32 dev lan0; ip -6 route add 2001:db8:1::/64 dev lan0"},
      {"two IPv6 prefixes", "ip -6 address add 2001:db8:7::1/64 dev lan0 nodad"},
      {"two IPv6 addresses of a prefix, the older one deprecated or not",
       "ip -6 address add 2001:db8:1::a/64 dev lan0 nodad; ip -6 address add 2001:db8:1::b/64 dev lan0 nodad "
       "preferred_lft 0"},
      {"no global IPv6 address at all",
       "ip -6 address del 2001:db8:1::1/64 dev lan0; ip -6 address del 2001:db8:2::1/64 dev wan0;"
       "ip -6 route add 2001:db8:1::/64 dev lan0; ip -6 route add 2001:db8:2::/64 dev wan0"},
  };
  for (const auto& one : cases) {
    INFO(std::string(one.name));
    GatewayLab lab{"esrc"};
    CAPTURE(lab.log());
    lab.client.run(
        "ip neigh replace 10.1.0.1 lladdr 02:74:77:00:01:01 dev eth0; sysctl -qw net.ipv4.conf.all.rp_filter=0");
    // who stands in for the gateway in the second subnet, and answers whatever address asks
    lab.client.run("ip address add 10.0.7.2/24 dev eth0");
    lab.gateway.run("ip link set wan0 mtu 1400");
    const std::vector<Question> questions{{"TTL", v4("10.2.0.2", 100, true, 1)},
                                          {"hop limit", v6("2001:db8:2::2", 100, 1)},
                                          {"too big", v4("10.2.0.2", 1450)},
                                          {"too big over IPv6", v6("2001:db8:2::2", 1450)}};
    const auto resolve = [&] {
      lab.gateway.run(
          "ip neigh replace 10.1.0.2 lladdr 02:74:77:00:01:02 dev lan0; ip neigh replace 2001:db8:1::2 lladdr "
          "02:74:77:00:01:02 dev lan0; ip neigh replace 10.0.7.2 lladdr 02:74:77:00:01:02 dev lan0");
    };
    let_linux_forward(lab, true);
    lab.gateway.run(one.change);
    resolve();
    Asker asker(lab);
    const auto linux_says = asker.ask_all(questions);
    let_linux_forward(lab, false);
    lab.start(lab.config(kAllowOut));
    expect_same(linux_says, asker.ask_all(questions));
  }
}

TEST_CASE("a change of addresses is in force for the next ICMP error") {
  if (!require_root()) return;
  GatewayLab lab{"eaddr"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  Asker asker(lab);
  const Packet expired = v4("10.2.0.2", 100, true, 1);
  CHECK(asker.ask(expired) == "11 0 from 10.1.0.1");
  lab.gateway.run(
      "ip address add 10.255.0.1/32 dev lo; ip address del 10.1.0.1/24 dev lan0; ip route add 10.1.0.2/32 dev lan0");
  CHECK(eventually([&] { return asker.ask(expired) == "11 0 from 10.255.0.1"; }));
  lab.gateway.run("ip address add 10.1.0.1/24 dev lan0");
  CHECK(eventually([&] { return asker.ask(expired) == "11 0 from 10.1.0.1"; }));
}
