// A blind attacker cuts no connection: who knows addresses and ports of live connections, but sees none of their packets,
// sends random RST, SYN, FIN, ACK and data segments as if they came from either end.
//
// Connections   of four ages and both families: harness/live_connections.hpp.
// Attacker      on the link of the client and on that of the server at once, the worst places there are; one in eight
//               segments claims to come from the other link. It sends in small bursts between the steps of a
//               conversation: each has forged segments before, between and behind its own, and no queue overflows.
// Cut           the connection does not carry its bytes and its end, during the attack or after it.
// Delayed       judged by what each end has sent again (TCP_INFO), not by a clock: one exchange, at most one
//               retransmission of each end. Times are printed.
// Beside it     the same attack, from the same seed, on Linux forwarding with nf_conntrack. Its cuts are printed, not judged.
//
// TWINPATH_TEST_STRANGER_PACKETS  forged segments for each gateway, default 400,000. From a million on there are 100
//                                 connections of each age and family, else 25.
// TWINPATH_SEED                   repeats a run.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/forger.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/live_connections.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr std::size_t kBurst = 128;  // half of a veth's ring

long packets_wanted() {
  const char* text = std::getenv("TWINPATH_TEST_STRANGER_PACKETS");
  return text == nullptr ? 400'000 : std::atol(text);
}

std::uint16_t connections_wanted() { return packets_wanted() < 1'000'000 ? 25 : 100; }

std::uint64_t chosen_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("TWINPATH_SEED");
    const std::uint64_t value = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    fmt::print("TWINPATH_SEED={}\n", value);
    return value;
  }();
  return seed;
}

// At one link: forges as the end that is there, and one time in eight as the other one.
class Attacker {
 public:
  Attacker(const TestNamespace& part, std::uint8_t wire, const Connections& victims, std::uint64_t seed)
      : sender_(part, "eth0"), likely_(seed), unlikely_(seed + 1), frames_(kBurst) {
    const Eth link{.dst = lab_mac(wire, 1), .src = lab_mac(wire, 3)};  // no end's MAC address
    for (const Connection& one : victims) {
      (wire == 1 ? likely_ : unlikely_).learn(link, one.here, one.there);
      (wire == 1 ? unlikely_ : likely_).learn(link, one.there, one.here);
    }
    forge();
    for (const Bytes& frame : frames_) REQUIRE(checksums_right(frame));
  }
  // How many left.
  std::size_t burst() {
    forge();
    return sender_.flood(frames_);
  }

 private:
  void forge() {
    likely_.forge(std::span(frames_).subspan(kBurst / 8));
    unlikely_.forge(std::span(frames_).first(kBurst / 8));
  }

  Sender sender_;
  Forger likely_, unlikely_;
  std::vector<Bytes> frames_;
};

void attack(const GatewayLab& lab, LiveConnections& live) {
  Attacker inside(lab.client, 1, live.all, chosen_seed()), outside(lab.server, 2, live.all, chosen_seed() + 2);
  const long wanted = packets_wanted();
  long sent = 0, turn = 0;
  live.talk_while([&] {
    sent += static_cast<long>((turn++ % 2 == 0 ? inside : outside).burst());
    return sent < wanted && turn < wanted;  // a burst of which nothing left counts, too
  });
  CHECK(sent >= wanted);
}

// What became of the connections of one family and age.
struct Tally {
  int all = 0, cut = 0;
  double longest_ms = 0;
  std::uint32_t most_sent_again = 0;
  std::string faults;

  void add(const Connection& one) {
    ++all;
    longest_ms = std::max(longest_ms, one.longest_ms);
    most_sent_again = std::max(most_sent_again, one.most_sent_again);
    if (one.fault.empty()) return;
    ++cut;
    faults += fmt::format(" {}: {};", one.here.port, one.fault);
  }
  [[nodiscard]] std::string text() const {
    return fmt::format("{:3} of {} cut, {:6.1f} ms, {} sent again", cut, all, longest_ms, most_sent_again);
  }
};
using Outcome = std::map<std::pair<std::size_t, std::size_t>, Tally>;  // family, age

Outcome outcome_of(const Connections& connections) {
  Outcome outcome;
  for (const Connection& one : connections) outcome[{one.family, one.age}].add(one);
  return outcome;
}

// Linux forwards what nf_conntrack knows, with the same borders: nothing begins outside, and no source on the wrong link.
void forward_by_conntrack(const GatewayLab& lab) {
  lab.gateway.run(R"(nft 'table inet peer {
    chain source { type filter hook prerouting priority -300
      iifname "lan0" ip saddr 10.2.0.0/24 drop
      iifname "wan0" ip saddr 10.1.0.0/24 drop
      iifname "lan0" ip6 saddr 2001:db8:2::/64 drop
      iifname "wan0" ip6 saddr 2001:db8:1::/64 drop
    }
    chain forward { type filter hook forward priority 0; policy drop
      ct state invalid drop
      ct state established,related accept
      ct state new iifname "lan0" accept
    } }'
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.netfilter.nf_conntrack_tcp_loose=0)");
}

// Once for all cases.
const Outcome& through_conntrack() {
  static const Outcome outcome = [] {
    GatewayLab lab{"blindpeer"};
    forward_by_conntrack(lab);
    lab.obtain_next_hops();
    LiveConnections live(lab, connections_wanted());
    attack(lab, live);
    live.finish();
    return outcome_of(live.all);
  }();
  return outcome;
}

std::map<std::string, std::string> pairs_of(const GatewayLab& lab) {
  std::map<std::string, std::string> states;
  for (const nlohmann::json& pair : lab.policies("protocol=tcp"))
    states[fmt::format("{} {}", pair["id"].get<std::string>(), pair["forward"]["destination_port"].get<int>())] =
        pair["state"];
  return states;
}

// Packets of all pairs so far, of both directions.
long carried(const GatewayLab& lab) {
  long packets = 0;
  for (const nlohmann::json& pair : lab.policies("protocol=tcp"))
    for (const char* half : {"forward", "reverse"}) packets += pair[half]["packets"].get<long>();
  return packets;
}

// "7000: half-open -> gone: 3", for each kind of change.
std::string changes(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after) {
  std::map<std::string, int> kinds;
  for (const auto& [pair, state] : before) {
    const auto found = after.find(pair);
    const std::string now = found == after.end() ? "gone" : found->second;
    if (now != state) ++kinds[pair.substr(pair.find(' ') + 1) + ": " + state + " -> " + now];
  }
  std::string text;
  for (const auto& [kind, count] : kinds) text += fmt::format("{}: {}\n", kind, count);
  return text;
}

// What is wrongly thought to be over is deleted at once: then its connection is cut before the end of the test.
nlohmann::json short_memory(const GatewayLab& lab, const std::string& place) {
  nlohmann::json document = lab.config(R"([{"name": "all", "from": "inside", "to": "outside", "action": "allow"}])");
  document["rules"][0]["place"] = place;
  document["flows"] = {{"pickup", "strict"}, {"timeouts", {{"tcp_reset_s", 1}, {"tcp_closing_s", 1}}}};
  return document;
}

double quiet_round_trip_ms(Connections& connections) {
  double longest = 0;
  for (Connection& one : connections) {
    if (one.age == kBusy) exchange(one);
    longest = std::max(longest, std::exchange(one.longest_ms, 0));
  }
  return longest;
}

void judge(const Outcome& ours, const Outcome& peers, const char* place, double quiet_ms) {
  fmt::print("place {}: {} forged segments; a quiet round trip takes at most {:.1f} ms\n", place, packets_wanted(),
             quiet_ms);
  for (const auto& [which, tally] : ours) {
    const Tally& peer = peers.at(which);
    const std::string name = fmt::format("{} {}", kFamilies[which.first].name, kAgeNames[which.second]);
    fmt::print("  {:16} twinpath {} | nf_conntrack {}\n", name, tally.text(), peer.text());
    CHECK_MESSAGE(tally.cut == 0, name, ":", tally.faults);
    CHECK_MESSAGE(tally.most_sent_again <= 1, name);
    if (peer.cut > 0) fmt::print("    nf_conntrack:{}\n", peer.faults);
  }
}

// All go on but the half-closed ones. The last FINs of some of those may be unknown to the gateway: it notes one FIN of each
// direction, by the other one's last acknowledgement, and either may have been forged. Such a pair stays until it is idle for
// tcp_established_s.
void check_pairs_at_end(const GatewayLab& lab, std::size_t each) {
  const auto assured = [&](int age) {
    return lab.policies("state=assured&port=" + std::to_string(kServerPort + age)).size();
  };
  for (const int age : {kHandshake, kBusy, kIdle}) CHECK(assured(age) == each);
  std::this_thread::sleep_for(std::chrono::seconds{2});
  fmt::print("  {} of {} half-closed pairs stay when both ends have closed\n", assured(kHalfClosed), each);
  std::fflush(stdout);
}

void attack_twinpath(const char* place) {
  const Outcome& peers = through_conntrack();
  GatewayLab lab{std::string("blind") + place};
  CAPTURE(lab.log());
  lab.obtain_next_hops();
  lab.start(short_memory(lab, place));
  LiveConnections live(lab, connections_wanted());
  const double quiet_ms = quiet_round_trip_ms(live.all);
  const auto before = pairs_of(lab);
  CHECK(before.size() == live.all.size());
  attack(lab, live);
  std::this_thread::sleep_for(std::chrono::seconds{4});  // what is thought to be over is deleted by now
  const auto after = pairs_of(lab);
  CHECK_MESSAGE(after == before, changes(before, after));
  CHECK(carried(lab) >= packets_wanted() * 7 / 8);  // as many as came from the right link
  live.finish();
  judge(outcome_of(live.all), peers, place, quiet_ms);
  check_pairs_at_end(lab, live.all.size() / kAges);
}

}  // namespace

TEST_CASE(
    "a blind attacker cuts no connection that the kernel carries, and delays none by more than a retransmission") {
  if (!require_root()) return;
  attack_twinpath("auto");
}

TEST_CASE(
    "a blind attacker cuts no connection that the engine carries, and delays none by more than a retransmission") {
  if (!require_root()) return;
  attack_twinpath("user");
}
