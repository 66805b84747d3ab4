// Commands to a running engine and their replies, in the order in which they were posted.
#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <thread>

#include "engine/value_ring.hpp"
#include "harness/engine_fixture.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

class NotedSockets final : public afxdp::Sockets {
 public:
  Result<afxdp::SocketReport> add_socket(const afxdp::SocketRequest& request) override {
    executed.push_back(fmt::format("open {}", request.device));
    requests.push_back(request);
    if (busy) return fail(EBUSY, "bind a socket to queue {}", request.queue);
    return afxdp::SocketReport{42, afxdp::SocketMode::copy, "no zero-copy here"};
  }
  void remove_device(std::uint16_t device) override { executed.push_back(fmt::format("close {}", device)); }
  void set_redirects(std::uint16_t device, bool takes) noexcept override {
    executed.push_back(fmt::format("redirects {} {}", device, takes));
  }

  std::vector<afxdp::SocketRequest> requests;
  std::vector<std::string> executed;  // in the order in which the engine did it
  bool busy = false;
};

// An engine in a thread of its own, as in the daemon.
class RunningEngine {
 public:
  RunningEngine() {
    test.tables.now = test.clock.now();
    engine.set_threaded(true);
    thread = std::thread([this] { engine.run(); });
  }
  ~RunningEngine() {
    engine.stop();
    thread.join();
  }

  EngineUnderTest test;
  NotedSockets sockets;
  Engine engine{test.io, test.tables.env, test.clock, test.requests, {}, std::make_shared<EngineCounters>(), &sockets};
  std::thread thread;
};

}  // namespace

TEST_CASE("a ring returns values in order, and refuses values while it is full") {
  ValueRing<int, 4> ring;
  CHECK_FALSE(ring.pop().has_value());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) CHECK(ring.push(i));
    CHECK_FALSE(ring.push(4));
    for (int i = 0; i < 4; ++i) CHECK(ring.pop() == i);
    CHECK_FALSE(ring.pop().has_value());
  }
}

TEST_CASE("a ring between two threads loses no value and keeps their order") {
  constexpr std::uint32_t kValues = 200000;
  ValueRing<std::uint32_t, 64> ring;
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < kValues;) {
      if (ring.push(i))
        ++i;
      else
        std::this_thread::yield();
    }
  });
  bool in_order = true;
  for (std::uint32_t i = 0; i < kValues; ++i) {
    std::optional<std::uint32_t> value;
    while (!(value = ring.pop())) ring.wait();
    in_order = in_order && *value == i;
  }
  producer.join();
  CHECK(in_order);
  CHECK_FALSE(ring.pop().has_value());
}

TEST_CASE("a running engine executes commands in the order in which they were posted") {
  RunningEngine running;
  Engine& engine = running.engine;
  engine.post(command::set_redirects(3, true));
  engine.post(command::open_socket(5, 17, 2, afxdp::SocketWish::copy));
  engine.post(command::close_sockets(3));
  engine.post(command::set_redirects(3, false));
  CHECK(engine.call(command::quiet_point()).status == 0);
  CHECK(running.sockets.executed ==
        std::vector<std::string>{"redirects 3 true", "open 5", "close 3", "redirects 3 false"});
}

TEST_CASE("more commands than the ring holds are all executed") {
  RunningEngine running;
  std::vector<std::string> posted;
  for (int i = 0; i < 2000; ++i) {
    const auto device = static_cast<std::uint16_t>(i % 100);
    running.engine.post(command::close_sockets(device));
    posted.push_back(fmt::format("close {}", device));
  }
  running.engine.call(command::quiet_point());
  CHECK(running.sockets.executed == posted);
}

TEST_CASE("without a thread the caller executes its commands itself, however many") {
  EngineUnderTest test;
  NotedSockets sockets;
  Engine engine{test.io, test.tables.env, test.clock, test.requests, {}, std::make_shared<EngineCounters>(), &sockets};
  for (int i = 0; i < 2000; ++i) engine.post(command::close_sockets(7));
  engine.call(command::quiet_point());
  CHECK(sockets.executed == std::vector<std::string>(2000, "close 7"));
}

TEST_CASE("commands open and close sockets") {
  RunningEngine running;
  const EngineReply opened = running.engine.call(command::open_socket(5, 17, 2, afxdp::SocketWish::zerocopy));
  CHECK(opened.status == 0);
  CHECK(opened.fd == 42);
  CHECK(opened.mode == afxdp::SocketMode::copy);
  CHECK(std::string(opened.text) == "no zero-copy here");
  REQUIRE(running.sockets.requests.size() == 1);
  const afxdp::SocketRequest& request = running.sockets.requests[0];
  CHECK(request.device == 5);
  CHECK(request.ifindex == 17);
  CHECK(request.queue == 2);
  CHECK(request.wish == afxdp::SocketWish::zerocopy);
  CHECK(request.bind_timeout == std::chrono::milliseconds{0});
  CHECK(running.engine.call(command::close_sockets(5)).status == 0);
  CHECK(running.sockets.executed.back() == "close 5");
}

TEST_CASE("the reply for a socket that cannot be opened has errno and text") {
  RunningEngine running;
  running.engine.call(command::quiet_point());
  running.sockets.busy = true;
  const EngineReply refused = running.engine.call(command::open_socket(5, 17, 2, afxdp::SocketWish::copy));
  CHECK(refused.status == EBUSY);
  CHECK(refused.fd == -1);
  CHECK(std::string(refused.text).find("bind a socket to queue 2") == 0);
}

TEST_CASE(
    "a command for an impossible port, device or rule, or for sockets of an engine without a driver, is refused") {
  EngineUnderTest test;
  CHECK(test.engine->call(command::forget_port(DP_PORTS_MAX)).status == EINVAL);
  CHECK(test.engine->call(command::clear_port(DP_PORTS_MAX)).status == EINVAL);
  CHECK(test.engine->call(command::clear_port(DP_PORTS_MAX - 1)).status == 0);
  CHECK(test.engine->call(command::close_sockets(DP_DEVICES_MAX)).status == EINVAL);
  CHECK(test.engine->call(command::forget_rule(DP_RULE_IDS_MAX)).status == EINVAL);
  CHECK(test.engine->call(command::forget_rule(DP_RULE_IDS_MAX - 1)).status == 0);
  CHECK(test.engine->call(command::close_sockets(1)).status == ENOTSUP);
}

TEST_CASE("counters of a rule and of a port start at zero when another one gets their number") {
  EngineUnderTest test;
  test.tables.allow(DP_PLACE_USER);
  test.pass(udp("198.51.100.1"));
  const EngineCounters& counters = test.engine->counters();
  REQUIRE(counters.received[kLan].read().packets == 1);
  REQUIRE(counters.rules[7].flows == 1);
  test.engine->call(command::clear_port(kLan));
  test.engine->call(command::forget_rule(7));
  CHECK(counters.received[kLan].read().packets == 0);
  CHECK(counters.rules[7].flows == 0);
  CHECK(counters.transmitted[kWan].read().packets == 1);
}
