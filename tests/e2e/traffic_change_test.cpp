// Routes, neighbours and links change under live flows. A conversation is one TCP connection that must never break.
//
// TWINPATH_TEST_CHANGE_S  seconds of each long case, default 5.
#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "harness/flood.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kRules = R"([
  {"name": "inspected", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": [5301], "action": "allow", "place": "user"},
  {"name": "out", "from": "inside", "to": "outside", "protocol": "tcp", "action": "allow"}])";
constexpr std::uint16_t kPorts[] = {5201, 5301};

std::chrono::seconds test_length() {
  const char* text = std::getenv("TWINPATH_TEST_CHANGE_S");
  return std::chrono::seconds{text == nullptr ? 5 : std::atoi(text)};
}

// One connection from the client, and words that go there and come back.
class Conversation {
 public:
  Conversation(const GatewayLab& lab, const std::string& server, std::uint16_t port)
      : listening_(tcp_listen(lab.server, {server, port})),
        client_(tcp_connect(lab.client, {server.find(':') == server.npos ? "10.1.0.2" : "2001:db8:1::2", 0},
                            {server, port})),
        server_(tcp_accept(listening_.get())) {
    say();
  }
  // Throws when the answer does not come within the timeout of talk.hpp.
  void say(bool server_first = false) {
    const int first = server_first ? server_.get() : client_.get();
    const int second = server_first ? client_.get() : server_.get();
    begin(first);
    hear(second);
    send_all(second, word());
    hear(first);
  }
  // A word of the client, on its way; and its arrival.
  void begin() { begin(client_.get()); }
  void end() const { hear(server_.get()); }
  // What the client says is answered by a RST before long: a change of routes takes a moment.
  [[nodiscard]] bool is_reset() {
    return eventually([this] {
      begin();
      pollfd error{client_.get(), 0, 0};
      return ::poll(&error, 1, 200) == 1 && (error.revents & POLLERR) != 0;
    });
  }
  [[nodiscard]] bool carries(long mb) { return noise_arrives(client_.get(), server_.get(), mb); }

 private:
  [[nodiscard]] Bytes word() const { return {count_, 2, 3, 4}; }
  void begin(int socket) {
    ++count_;
    send_all(socket, word());
  }
  void hear(int socket) const {
    Bytes heard(4);
    receive_all(socket, heard);
    CHECK(heard == word());
  }

  UniqueFd listening_, client_, server_;
  std::uint8_t count_ = 0;
};

// A conversation by each datapath in each family.
std::vector<std::unique_ptr<Conversation>> conversations(const GatewayLab& lab,
                                                         const std::vector<std::string>& servers) {
  std::vector<std::unique_ptr<Conversation>> all;
  for (const std::string& server : servers)
    for (const std::uint16_t port : kPorts) all.push_back(std::make_unique<Conversation>(lab, server, port));
  return all;
}

const std::vector<std::string> kNear{"10.2.0.2", "2001:db8:2::2"};  // on the server's wire
const std::vector<std::string> kFar{"10.9.0.9", "2001:db8:9::9"};   // behind it

// A second wire between gateway and server, and addresses that both wires lead to.
void make_second_wire(const GatewayLab& lab) {
  lab.gateway.run("ip link add wan1 address 02:74:77:00:04:01 type veth peer name eth1 netns " + lab.server.path() +
                  " address 02:74:77:00:04:02");
  lab.gateway.run(
      "ip address add 10.4.0.1/24 dev wan1 && ip address add 2001:db8:4::1/64 dev wan1 nodad && ip link set wan1 up");
  lab.server.run(
      "ip address add 10.4.0.2/24 dev eth1 && ip address add 2001:db8:4::2/64 dev eth1 nodad && ip link set eth1 up");
  lab.server.run("ip address add 10.9.0.9/32 dev lo && ip address add 2001:db8:9::9/128 dev lo nodad");
  lab.server.run(
      "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0");
}

void route_far_by(const GatewayLab& lab, const std::string& wire) {
  lab.gateway.run("ip route replace 10.9.0.0/24 via 10." + wire +
                  ".0.2 && ip route replace 2001:db8:9::/64 via 2001:db8:" + wire + "::2");
}

// The TCP flows that arrive at a device of the server.
class TcpArrivals {
 public:
  TcpArrivals(const TestNamespace& part, const std::string& device)
      : listener_(part, device, [this](const Heard& heard) {
          FlowName name = flow_name(heard.frame);
          if (heard.outgoing || name.protocol != 6) return;
          const std::lock_guard lock(mutex_);
          flows_.insert(std::move(name));
        }) {}
  [[nodiscard]] std::size_t flows() {
    const std::lock_guard lock(mutex_);
    return flows_.size();
  }
  void stop() { listener_.stop(); }

 private:
  std::mutex mutex_;
  std::set<FlowName> flows_;
  Listener listener_;
};

}  // namespace

TEST_CASE("live TCP connections follow a replaced route") {
  if (!require_root()) return;
  GatewayLab lab{"reroute"};
  CAPTURE(lab.log());
  make_second_wire(lab);
  route_far_by(lab, "2");
  nlohmann::json document = lab.config(kRules);
  document["ports"].push_back({{"name", "wan2"}, {"device", "wan1"}, {"zone", "outside"}});
  lab.start(document);
  auto all = conversations(lab, kFar);
  for (const char* wire : {"4", "2", "4"}) {
    route_far_by(lab, wire);
    const bool by_second = wire[0] == '4';
    TcpArrivals taken(lab.server, by_second ? "eth1" : "eth0");
    CHECK(eventually([&] {
      for (const auto& one : all) one->say();
      return taken.flows() == all.size();
    }));
    TcpArrivals left(lab.server, by_second ? "eth0" : "eth1");
    for (const auto& one : all) one->say();
    left.stop();
    CHECK(left.flows() == 0);
  }
  for (const auto& one : all) CHECK(one->carries(5));
  CHECK(lab.policies("protocol=tcp").size() == all.size());
}

TEST_CASE("live TCP connections follow a route into another zone while the rules allow it") {
  if (!require_root()) return;
  GatewayLab lab{"rezone"};
  CAPTURE(lab.log());
  make_second_wire(lab);
  route_far_by(lab, "2");
  const char* rules = R"([
    {"name": "inspected", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": [5301], "action": "allow", "place": "user"},
    {"name": "out", "from": "inside", "to": "outside", "protocol": "tcp", "action": "allow"},
    {"name": "backup_inspected", "from": "inside", "to": "backup", "protocol": "tcp", "destination_port": [5301], "action": "allow", "place": "user"},
    {"name": "backup", "from": "inside", "to": "backup", "protocol": "tcp", "action": "allow"}])";
  nlohmann::json document = lab.config(rules);
  document["zones"]["backup"] = {{"default", "drop"}};
  document["ports"].push_back({{"name", "wan2"}, {"device", "wan1"}, {"zone", "backup"}});
  lab.start(document);
  auto all = conversations(lab, kFar);
  const auto answers_by = [&](const char* wire) {
    lab.server.run(std::string("ip route replace default via 10.") + wire +
                   ".0.1 && ip -6 route replace default via 2001:db8:" + wire + "::1");
  };
  for (const bool server_first : {false, true})
    for (const char* wire : {"4", "2"}) {
      route_far_by(lab, wire);
      answers_by(wire);
      for (const auto& one : all) one->say(server_first);
      CHECK(lab.policies("protocol=tcp").size() == all.size());
    }
  document["rules"].erase(3);
  document["rules"].erase(2);
  REQUIRE(lab.request("PUT", "/v1/config", document.dump()).status == 200);
  route_far_by(lab, "4");
  answers_by("4");
  const std::uint64_t before = lab.drops("zone_default");
  for (const auto& one : all) one->begin();
  CHECK(eventually([&] { return lab.drops("zone_default") >= before + all.size(); }));
  route_far_by(lab, "2");
  answers_by("2");
  for (const auto& one : all) one->end();
  for (const auto& one : all) one->say();
  CHECK(lab.policies("protocol=tcp").size() == all.size());
}

// As with an address that a router takes over from another one (VRRP).
TEST_CASE("an address that becomes the gateway's own is the host's at once, and forwarded again when it is gone") {
  if (!require_root()) return;
  GatewayLab lab{"own"};
  CAPTURE(lab.log());
  make_second_wire(lab);
  route_far_by(lab, "2");
  lab.start(lab.config(kRules));
  for (int round = 0; round < 2; ++round) {
    auto all = conversations(lab, kFar);
    lab.gateway.run("ip address add 10.9.0.9/32 dev lo && ip address add 2001:db8:9::9/128 dev lo nodad");
    for (const auto& one : all) CHECK(one->is_reset());
    const std::size_t count = all.size();
    all.clear();
    lab.gateway.run("ip address delete 10.9.0.9/32 dev lo && ip address delete 2001:db8:9::9/128 dev lo");
    // the host answers until the change is published
    CHECK(eventually([&] {
      try {
        return conversations(lab, kFar).size() == count;
      } catch (const std::runtime_error&) {
        return false;
      }
    }));
  }
}

TEST_CASE("live TCP connections follow a neighbour that has changed its MAC address") {
  if (!require_root()) return;
  GatewayLab lab{"newmac"};
  CAPTURE(lab.log());
  lab.server.run("sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1");
  lab.start(lab.config(kRules));
  auto all = conversations(lab, kNear);
  for (const char* mac : {"02:74:77:00:02:52", "02:74:77:00:02:62"}) {
    lab.server.run(std::string("ip link set eth0 address ") + mac);
    for (const auto& one : all) one->say();
    const auto pairs = lab.policies("protocol=tcp");
    CHECK(pairs.size() == all.size());
    for (const auto& pair : pairs) CHECK_MESSAGE(pair["forward"]["next_hop"]["mac"] == mac, pair.dump());
  }
  for (const auto& one : all) CHECK(one->carries(5));
}

TEST_CASE("live TCP connections survive a link that goes down and comes back") {
  if (!require_root()) return;
  GatewayLab lab{"linkdown"};
  CAPTURE(lab.log());
  lab.gateway.run("sysctl -qw net.ipv6.conf.wan0.keep_addr_on_down=1");
  lab.start(lab.config(kRules));
  auto all = conversations(lab, kNear);
  for (int i = 0; i < 2; ++i) {
    lab.gateway.run("ip link set wan0 down");
    CHECK(eventually([&] { return lab.get("/v1/ports")["ports"][1]["link"] == "down"; }));
    lab.gateway.run("ip link set wan0 up");
    for (const auto& one : all) one->say();
  }
  for (const auto& one : all) CHECK(one->carries(5));
  CHECK(lab.policies("protocol=tcp").size() == all.size());
}

TEST_CASE("ten route changes a second leave throughput and verdicts as they were") {
  if (!require_root()) return;
  GatewayLab lab{"flapping"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  auto all = conversations(lab, kNear);
  std::atomic<bool> stop{false};
  std::atomic<int> changes{0};
  const auto change_routes = [&] {
    while (!stop) {
      const std::string net = std::to_string(changes % 50);
      (void)lab.gateway.attempt(
          "ip route replace 10.99." + net + ".0/24 via 10.2.0.2 && ip route replace 2001:db8:99:" + net +
          "::/64 via 2001:db8:2::2; ip route del 10.99." + std::to_string((changes + 25) % 50) + ".0/24");
      ++changes;
      std::this_thread::sleep_for(std::chrono::milliseconds{60});
    }
  };
  std::atomic<int> denied_heard{0};
  Listener at_server(lab.server, "eth0", [&](const Heard& heard) {
    if (!heard.outgoing && flow_name(heard.frame).protocol == 17) ++denied_heard;
  });
  const Sender sender(lab.client, "eth0");
  const std::vector<Bytes> denied = new_flows(200);
  const std::uint64_t drops = lab.drops("zone_default");
  std::uint64_t sent = 0;
  const auto carry = [&] {  // megabytes in a test's length
    long mb = 0;
    for (const auto end = Clock::now() + test_length(); Clock::now() < end;) {
      sent += sender.flood(denied);
      for (const auto& one : all) CHECK(one->carries(2));
      mb += 2 * static_cast<long>(all.size());
    }
    return mb;
  };
  const long still_mb = carry();
  std::thread flapping(change_routes);
  const long changing_mb = carry();
  stop = true;
  flapping.join();
  MESSAGE(still_mb, " MB without, ", changing_mb, " MB with ", changes.load(), " route changes in ",
          test_length().count(), " s");
  CHECK(changes > 10);
  CHECK(eventually([&] { return lab.drops("zone_default") >= drops + sent; }));
  at_server.stop();
  CHECK(denied_heard == 0);
}

TEST_CASE("traffic that runs on XDP alone never lets the next hop's entry in Linux fail or be forgotten") {
  if (!require_root()) return;
  GatewayLab lab{"fresh"};
  CAPTURE(lab.log());
  for (const char* device : {"lan0", "wan0"})
    for (const char* family : {"ipv4", "ipv6"})
      lab.gateway.run(
          std::string("d=/proc/sys/net/") + family + "/neigh/" + device +
          "; echo 500 > $d/base_reachable_time_ms; echo 1 > $d/gc_stale_time; echo 1 > $d/delay_first_probe_time; "
          "echo 200 > $d/retrans_time_ms");
  lab.obtain_next_hops();
  lab.start(lab.config(kRules));
  auto all = conversations(lab, kNear);
  for (const auto end = Clock::now() + test_length() + std::chrono::seconds{7}; Clock::now() < end;) {
    for (const auto& one : all) one->say();
    for (const char* neighbour : {"10.1.0.2", "10.2.0.2", "2001:db8:1::2", "2001:db8:2::2"}) {
      const std::string entry = lab.gateway.run(std::string("ip neigh show ") + neighbour);
      CHECK_MESSAGE(entry.find("lladdr") != entry.npos, neighbour, ": ", entry);
      CHECK_MESSAGE(entry.find("managed") != entry.npos, neighbour, ": ", entry);
      CHECK_MESSAGE(entry.find("FAILED") == entry.npos, neighbour, ": ", entry);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}
