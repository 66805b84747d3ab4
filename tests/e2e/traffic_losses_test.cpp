// Every packet that comes in goes out or is counted as dropped, also where the kernel loses it behind the programs.
#include <doctest/doctest.h>

#include <thread>
#include <utility>

#include "harness/flood.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

constexpr const char* kUser =
    R"([{"name": "u", "from": "inside", "to": "outside", "action": "allow", "place": "user"}])";

std::int64_t received_by(const TestNamespace& end) {
  const json link = json::parse(end.run("ip -s -j link show eth0"));
  return link[0]["stats64"]["rx"]["packets"].get<std::int64_t>();
}

// Sums over all ports, reasons of both datapaths, and what the devices of both ends have received.
struct Balance {
  std::int64_t received, forwarded, steered, passed, dropped;  // by the kernel's programs
  std::int64_t engine_received, engine_transmitted;
  std::int64_t lost_before_engine, refused, engine_dropped;
  std::int64_t arrived;

  explicit Balance(const GatewayLab& lab)
      : received(0), forwarded(0), steered(0), passed(0), dropped(0), engine_received(0), engine_transmitted(0) {
    const json ports = lab.get("/v1/ports")["ports"];
    for (const json& port : ports) {
      const auto add = [&](std::int64_t& sum, const char* key) { sum += port[key]["packets"].get<std::int64_t>(); };
      add(received, "received");
      add(forwarded, "forwarded");
      add(steered, "steered");
      add(passed, "passed");
      add(dropped, "dropped");
      add(engine_received, "engine_received");
      add(engine_transmitted, "engine_transmitted");
    }
    const auto drops = [&](const char* reason) { return static_cast<std::int64_t>(lab.drops(reason)); };
    lost_before_engine = drops("socket_full") + drops("frame_too_long");
    refused = drops("egress_refused");
    engine_dropped = lab.get("/v1/status")["engine"]["dropped"].get<std::int64_t>();
    arrived = received_by(lab.server) + received_by(lab.client);  // the server answers with ICMP errors
  }
};

// Until nothing moves any more; the engine reads the kernel's counters each second.
Balance settled(const GatewayLab& lab) {
  std::int64_t before = -1;
  CHECK(eventually([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{1300});
    const Balance now{lab};
    return std::exchange(before, now.received + now.engine_received + now.lost_before_engine + now.arrived) ==
           now.received + now.engine_received + now.lost_before_engine + now.arrived;
  }));
  return Balance{lab};
}

void no_other_traffic(const GatewayLab& lab) {
  lab.client.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
  lab.server.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
  lab.gateway.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
  lab.gateway.run("ip neigh replace 10.2.0.2 lladdr 02:74:77:00:02:02 dev wan0 nud permanent");
  lab.gateway.run("ip neigh replace 10.1.0.2 lladdr 02:74:77:00:01:02 dev lan0 nud permanent");
}

// A UDP frame from the client with this many bytes behind its IP packet.
Bytes with_tail(std::uint16_t port, std::size_t tail) {
  Bytes frame = (Eth{.dst = lab_mac(1, 1), .src = lab_mac(1, 2)} / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2"} /
                 Udp{.sport = port, .dport = 9} / Payload(1200))
                    .bytes();
  frame.resize(frame.size() + tail);
  return frame;
}

}  // namespace

TEST_CASE("when the engine is flooded, packets in are packets out and counted drops") {
  if (!require_root()) return;
  GatewayLab lab{"losses"};
  CAPTURE(lab.log());
  no_other_traffic(lab);
  lab.start(lab.config(kUser));
  const Balance before = settled(lab);
  {
    const Flood flood{lab.client, "eth0", new_flows(20'000)};
    std::this_thread::sleep_for(std::chrono::seconds{3});
  }
  const Balance after = settled(lab);
  CAPTURE(lab.get("/v1/drops").dump());
  CAPTURE(lab.gateway.run("ip -s link show wan0; ethtool -S wan0"));
  CAPTURE(lab.server.run("ip -s link show eth0; ethtool -S eth0"));
  const auto grew = [&](std::int64_t Balance::*field) { return after.*field - before.*field; };
  CHECK(grew(&Balance::steered) > 10'000);
  CHECK(grew(&Balance::lost_before_engine) > 0);
  CHECK(grew(&Balance::received) ==
        grew(&Balance::forwarded) + grew(&Balance::steered) + grew(&Balance::passed) + grew(&Balance::dropped));
  CHECK(grew(&Balance::steered) == grew(&Balance::engine_received) + grew(&Balance::lost_before_engine));
  // engine_dropped has the reasons of the sockets too: what was lost before the engine, and what the device refused
  CHECK(grew(&Balance::engine_received) + grew(&Balance::lost_before_engine) ==
        grew(&Balance::engine_transmitted) + grew(&Balance::engine_dropped));
  const std::int64_t out = grew(&Balance::forwarded) + grew(&Balance::engine_transmitted) - grew(&Balance::refused);
  CHECK(grew(&Balance::arrived) >= out);
  CHECK(grew(&Balance::arrived) <= out + 40);  // and what the gateway's Linux sends
}

TEST_CASE("a frame that is longer than its egress device sends is counted, though its IP packet would fit") {
  if (!require_root()) return;
  GatewayLab lab{"lossestail"};
  CAPTURE(lab.log());
  no_other_traffic(lab);
  lab.gateway.run("ip link set lan0 mtu 1700");
  lab.client.run("ip link set eth0 mtu 1700");
  lab.start(lab.config(kAllowOut));
  const Sender client{lab.client, "eth0"};
  const std::uint64_t before = lab.drops("egress_refused");
  for (std::uint16_t i = 0; i < 40; ++i) client.send(with_tail(5000, i % 2 == 0 ? 10 : 400));
  CHECK(eventually([&] { return lab.drops("egress_refused") == before + 20; }));
}

TEST_CASE("a packet that is too long for a frame of the engine is counted, and the MTU that allows it is a problem") {
  if (!require_root()) return;
  GatewayLab lab{"lossesmtu"};
  CAPTURE(lab.log());
  no_other_traffic(lab);
  lab.start(lab.config(kUser));
  const auto mtu = [&](int bytes) {
    const std::string text = std::to_string(bytes);
    lab.gateway.run("ip link set lan0 mtu " + text + " && ip link set wan0 mtu " + text);
    lab.client.run("ip link set eth0 mtu " + text);
    lab.server.run("ip link set eth0 mtu " + text);
  };
  const auto problems = [&] { return lab.get("/v1/status")["ports"].dump(); };
  mtu(3000);
  CHECK(eventually([&] { return has(problems(), "MTU 3000 of lan0: packets above 1770"); }));
  CHECK(lab.client.attempt("ping -q -c 1 -W 5 -s 1400 10.2.0.2").status == 0);
  CHECK(lab.client.attempt("ping -q -c 1 -W 1 -s 2500 10.2.0.2").status != 0);
  CHECK(eventually([&] { return lab.drops("frame_too_long") == 1; }));
  mtu(1400);
  CHECK(eventually([&] { return !has(problems(), "MTU"); }));
  CHECK(lab.client.attempt("ping -q -c 1 -W 5 -s 1300 10.2.0.2").status == 0);
}
