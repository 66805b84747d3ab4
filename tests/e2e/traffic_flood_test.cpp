// Who has proved to be there keeps its place: spoofed handshakes stay half-open, and floods evict only what is half-open.
//
// TWINPATH_TEST_ASSURED  number of assured flows, default 20,000.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <stdexcept>

#include "harness/flood.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr const char* kRules = R"([{"name": "out", "from": "inside", "to": "outside", "action": "allow"}])";

// Nobody has it; frames to it arrive at the client, which ignores them.
constexpr const char* kSpoofed = "10.1.0.77";

Eth from_client() { return Eth{.dst = lab_mac(1, 1), .src = lab_mac(1, 2)}; }
Eth from_server() { return Eth{.dst = lab_mac(2, 1), .src = lab_mac(2, 2)}; }

void place_spoofed(const GatewayLab& lab) {
  lab.gateway.run(std::string("ip neigh replace ") + kSpoofed + " lladdr 02:74:77:00:01:02 dev lan0");
}

nlohmann::json spoofed_pair(const GatewayLab& lab, std::uint16_t port) {
  const auto pairs = lab.policies("protocol=tcp&port=" + std::to_string(port));
  if (pairs.size() != 1) throw std::runtime_error(std::to_string(pairs.size()) + " pairs instead of one");
  return pairs[0];
}
std::string state_of(const GatewayLab& lab, std::uint16_t port) { return spoofed_pair(lab, port)["state"]; }

// Frames of one connection from kSpoofed to a server that is nobody either, so that no Linux answers or resets.
class Handshake {
 public:
  Handshake(const GatewayLab& lab, std::uint16_t port)
      : lab_(lab), port_(port), inside_(lab.client, "eth0"), outside_(lab.server, "eth0") {
    inside_.send(
        (from_client() / Ipv4{.src = kSpoofed, .dst = "10.9.0.9"} / Tcp{.sport = port_, .dport = 80, .seq = 77})
            .bytes());
    outside_.send((from_server() / Ipv4{.src = "10.9.0.9", .dst = kSpoofed} /
                   Tcp{.sport = 80, .dport = port_, .seq = kTheirs, .ack = 78, .flags = tcp::kSyn | tcp::kAck})
                      .bytes());
    REQUIRE(eventually([&] { return spoofed_pair(lab_, port_)["reverse"]["packets"] == 1; }));
  }
  void acknowledge(std::uint32_t number) const {
    inside_.send((from_client() / Ipv4{.src = kSpoofed, .dst = "10.9.0.9"} /
                  Tcp{.sport = port_, .dport = 80, .seq = 78, .ack = number, .flags = tcp::kAck})
                     .bytes());
  }
  [[nodiscard]] bool forwarded(int packets) const {
    return eventually([&] { return spoofed_pair(lab_, port_)["forward"]["packets"] == packets; });
  }

  static constexpr std::uint32_t kTheirs = 0x11223344;

 private:
  const GatewayLab& lab_;
  std::uint16_t port_;
  Sender inside_, outside_;
};

// Destinations behind the server and sources beside the client, so that neither end's Linux has a say.
class ManyFlows {
 public:
  ManyFlows(std::uint32_t first, std::uint32_t count) : first_(first), count_(count) {}
  [[nodiscard]] std::vector<Bytes> there() const {
    return build([](const Ip4& source, const Ip4& destination, std::uint16_t port) {
      return from_client() / Ipv4{.src = source, .dst = destination} / Udp{.sport = port, .dport = 9000};
    });
  }
  [[nodiscard]] std::vector<Bytes> back() const {
    return build([](const Ip4& source, const Ip4& destination, std::uint16_t port) {
      return from_server() / Ipv4{.src = destination, .dst = source} / Udp{.sport = 9000, .dport = port};
    });
  }

 private:
  template <class Make>
  std::vector<Bytes> build(Make&& make) const {
    std::vector<Bytes> frames;
    frames.reserve(count_);
    const Ip4 source = kSpoofed;
    for (std::uint32_t i = first_; i < first_ + count_; ++i) {
      const Ip4 destination{
          std::array<std::uint8_t, 4>{10, 9, static_cast<std::uint8_t>(i >> 21), static_cast<std::uint8_t>(i >> 13)}};
      frames.push_back(make(source, destination, static_cast<std::uint16_t>(1024 + (i & 0x1fff))).bytes());
    }
    return frames;
  }

  std::uint32_t first_, count_;
};

std::uint64_t assured(const GatewayLab& lab) {
  return lab.get("/v1/status")["flows"]["v4"]["assured"].get<std::uint64_t>();
}

std::set<std::string> ids_of_assured(const GatewayLab& lab) {
  std::set<std::string> ids;
  for (const auto& pair : lab.policies("state=assured")) ids.insert(pair["id"].get<std::string>());
  return ids;
}

}  // namespace

TEST_CASE("a spoofed SYN to an open port draws an answer and stays half-open") {
  if (!require_root()) return;
  GatewayLab lab{"spoof"};
  CAPTURE(lab.log());
  place_spoofed(lab);
  lab.obtain_next_hops();
  lab.start(lab.config(kRules));
  const UniqueFd listening = tcp_listen(lab.server, {"10.2.0.2", 80});
  std::atomic<int> answers{0};
  const Listener at_client(lab.client, "eth0", [&](const Heard& heard) {
    const FlowName name = flow_name(heard.frame);
    if (!heard.outgoing && name.protocol == 6 && name.destination == kSpoofed) ++answers;
  });
  const Sender sender(lab.client, "eth0");
  sender.send((from_client() / Ipv4{.src = kSpoofed, .dst = "10.2.0.2"} / Tcp{.sport = 5000, .dport = 80}).bytes());
  // The server repeats itself after a second.
  CHECK(eventually([&] { return answers >= 2; }));
  CHECK(state_of(lab, 5000) == "half-open");
}

TEST_CASE("only the originator's acknowledgement of the right number makes a TCP pair assured") {
  if (!require_root()) return;
  GatewayLab lab{"guess"};
  CAPTURE(lab.log());
  place_spoofed(lab);
  lab.gateway.run("ip route add 10.9.0.0/16 via 10.2.0.2");
  lab.obtain_next_hops();
  lab.start(lab.config(kRules));
  const Handshake handshake(lab, 5000);
  CHECK(state_of(lab, 5000) == "half-open");
  int packets = 1;
  for (const std::uint32_t guess : {Handshake::kTheirs, Handshake::kTheirs + 2, ~Handshake::kTheirs, 0U}) {
    handshake.acknowledge(guess);
    CHECK(handshake.forwarded(++packets));
    CHECK(state_of(lab, 5000) == "half-open");
  }
  handshake.acknowledge(Handshake::kTheirs + 1);
  CHECK(handshake.forwarded(++packets));
  CHECK(state_of(lab, 5000) == "assured");
}

TEST_CASE("a flood of new flows, several times the table, evicts no assured flow") {
  if (!require_root()) return;
  const char* number = std::getenv("TWINPATH_TEST_ASSURED");
  const auto count = static_cast<std::uint32_t>(number == nullptr ? 20000 : std::atoi(number));
  GatewayLab lab{"assured"};
  CAPTURE(lab.log());
  place_spoofed(lab);
  lab.gateway.run("ip route add 10.9.0.0/16 via 10.2.0.2");
  lab.obtain_next_hops();
  nlohmann::json document = lab.config(kRules);
  document["flows"]["max_pairs_v4"] = count + count / 2;
  lab.start(document);
  const Sender inside(lab.client, "eth0"), outside(lab.server, "eth0");
  const ManyFlows steady(0, count), strangers(count, 6 * count);
  const std::vector<Bytes> there = steady.there(), back = steady.back();
  // There, back and there again; what a full ring has dropped is said again.
  REQUIRE_MESSAGE(eventually([&] {
                    inside.flood(there);
                    outside.flood(back);
                    inside.flood(there);
                    return assured(lab) >= count || lab.policies("state=assured").size() == count;
                  }),
                  lab.get("/v1/status").dump());
  const std::set<std::string> before = ids_of_assured(lab);
  REQUIRE(before.size() == count);
  const std::vector<Bytes> flood = strangers.there();
  for (int i = 0; i < 3; ++i) inside.flood(flood);
  MESSAGE("after the flood: ", lab.get("/v1/status")["flows"]["v4"].dump(), lab.get("/v1/drops").dump());
  CHECK(ids_of_assured(lab) == before);
  // They go on in the kernel.
  const std::uint64_t engine = lab.engine_received();
  inside.flood(there);
  outside.flood(back);
  CHECK(lab.engine_received() == engine);
  CHECK(ids_of_assured(lab) == before);
}
