// What the follower takes over from Linux, with a device of Linux and an engine over tables in memory.
#include "control/follow/follower.hpp"

#include <doctest/doctest.h>

#include <unistd.h>
#include <string>
#include <vector>

#include "harness/double_close.hpp"
#include "harness/engine_fixture.hpp"
#include "harness/namespace.hpp"
#include "kernel/pins.hpp"
#include "netlink/device.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

// The engine's port "lan" is lan0 of Linux. The follower is opened inside `gateway`.
class Lab {
 public:
  Lab() {
    gateway.veth("lan0", far, "eth0");
    gateway.run("ip address add 192.0.2.254/24 dev lan0");
    auto made = make_pin_directory("/sys/fs/bpf", "follower-" + std::to_string(::getpid()));
    REQUIRE(made);
    pins = *made;
    auto opened = Tables::open(pins, 64, 64);
    REQUIRE(opened);
    tables = std::make_unique<Tables>(std::move(*opened));
    const TableMemory& memory = tables->memory();
    flows = std::make_unique<FlowTables>(memory.flows4.values(), memory.flows4_cold.values(), memory.flows6.values(),
                                         memory.flows6_cold.values(), memory.settings[0]);
    settings = std::make_unique<SettingsWriter>(tables->memory().settings[0]);
    auto grace = GracePeriod::create();
    REQUIRE(grace);
    publisher = std::make_unique<Publisher>(*tables, *settings, std::move(*grace), [] {});
    hops = std::make_unique<NextHopTable>(tables->memory().next_hops.values(), tables->maps().neighbours);
    auto queue = NeighbourRequestQueue::create();
    REQUIRE(queue);
    requests = std::move(*queue);
    gateway.inside([&] { open(); });
  }
  ~Lab() {
    follower.reset();
    remove_pins(pins);
  }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  void open() {
    Port port;
    port.number = kLan;
    auto link = netlink::find_device("lan0");
    REQUIRE(link);
    port.device.link = std::move(*link);
    port.config.name = "lan";
    port.config.device = "lan0";
    ports.replace({port});
    auto opened = Follower::open(
        {io, *tables, ports, *hops, *publisher, *test.engine, *requests, *flows}, [](const std::string&) {},
        [this](const std::string& line) { notes.push_back(line); });
    REQUIRE(opened);
    follower = std::move(*opened);
  }
  // ICMP errors that the engine sends for a packet without a route.
  [[nodiscard]] std::size_t errors() {
    const std::size_t before = test.io.sent_frames.size();
    test.pass(udp("10.99.0.1"));
    return test.io.sent_frames.size() - before;
  }

  TestNamespace gateway{"follower-gw"};
  TestNamespace far{"follower-far"};
  boost::asio::io_context io;
  std::string pins;
  std::unique_ptr<Tables> tables;
  std::unique_ptr<FlowTables> flows;
  std::unique_ptr<SettingsWriter> settings;
  std::unique_ptr<Publisher> publisher;
  std::unique_ptr<NextHopTable> hops;
  std::unique_ptr<NeighbourRequestQueue> requests;
  PortSet ports;
  EngineUnderTest test;
  std::vector<std::string> notes;
  std::unique_ptr<Follower> follower;
};

}  // namespace

TEST_CASE("a port that has lost its addresses sends no ICMP errors, and sends them again with a new one") {
  if (!require_root()) return;
  Lab lab;
  lab.follower->take_over_links();
  CHECK(lab.errors() == 1);
  lab.gateway.run("ip address del 192.0.2.254/24 dev lan0");
  lab.follower->catch_up();
  CHECK(lab.errors() == 0);
  lab.gateway.run("ip address add 192.0.2.254/24 dev lan0");
  lab.follower->catch_up();
  CHECK(lab.errors() == 1);
}

TEST_CASE("a follower that was never stopped closes no descriptor twice") {
  if (!require_root()) return;
  Lab lab;
  double_closes = 0;
  lab.follower.reset();
  CHECK(double_closes == 0);
}

TEST_CASE("a link that goes down or comes up is told once") {
  if (!require_root()) return;
  Lab lab;
  lab.follower->take_over_links();
  CHECK(lab.notes.empty());
  lab.gateway.run("ip link set lan0 down");
  lab.follower->catch_up();
  lab.follower->take_over_links();
  CHECK(lab.notes == std::vector<std::string>{"port lan: link of lan0 is down"});
  lab.gateway.run("ip link set lan0 up");
  lab.follower->catch_up();
  CHECK(lab.notes.size() == 2);
}
