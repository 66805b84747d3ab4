// afxdp_test.cpp - the driver against real sockets: generator ─veth─ gateway ─veth─ sink, each in its own namespace.
//
// Time     the overload lasts TWINPATH_OVERLOAD_SECONDS, 3 by default.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "afxdp/driver.hpp"
#include "bpf/afxdp_test.skel.h"
#include "harness/namespace.hpp"

using namespace twinpath;
using namespace twinpath::afxdp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::TestNamespace;

namespace {

constexpr std::uint16_t kLan = 1;
constexpr std::uint16_t kWan = 2;
constexpr std::uint16_t kHigh = DP_DEVICES_MAX - 1;

struct DestroySkeleton {
  void operator()(afxdp_test_bpf* skeleton) const noexcept { afxdp_test_bpf__destroy(skeleton); }
};

std::uint64_t seen(const std::uint64_t& counter) { return __atomic_load_n(&counter, __ATOMIC_ACQUIRE); }

// The topology, with the three programs attached.
class Lab {
 public:
  Lab() {
    generator.veth("g0", gateway, "lan0");
    gateway.veth("wan0", sink, "s0");
    gateway.inside([&] {
      lan = ::if_nametoindex("lan0");
      wan = ::if_nametoindex("wan0");
    });
    generator.inside([&] { programs->bss->generator_ifindex = ::if_nametoindex("g0"); });
    programs->bss->second_ifindex = wan;
    attach_gateway();
    sink.inside([&] { attach(::if_nametoindex("s0"), programs->progs.sink, XDP_FLAGS_DRV_MODE); });
    // Live frames are made on loopback; without the program there each call would take 24 ms instead of microseconds.
    generator.inside([&] { attach(::if_nametoindex("lo"), programs->progs.generate, XDP_FLAGS_SKB_MODE); });
  }

  void attach_gateway() {
    gateway.inside([&] {
      attach(lan, programs->progs.steer, XDP_FLAGS_DRV_MODE);
      attach(wan, programs->progs.steer, XDP_FLAGS_DRV_MODE);
    });
  }

  // Opens a socket from inside the gateway and steers to it.
  Result<SocketReport> open(Driver& driver, std::uint16_t port, SocketWish wish = SocketWish::automatic) {
    Result<SocketReport> report;
    gateway.inside(
        [&] { report = driver.add_socket({.device = port, .ifindex = port == kLan ? lan : wan, .wish = wish}); });
    if (report) steer(port, report->fd);
    if (report) sockets[port] = report->fd;
    return report;
  }

  // Sends `count` packets as fast as they go. Call inside the generator's namespace.
  void generate(std::uint32_t count) {
    alignas(8) std::array<std::uint8_t, 60> packet{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46};
    packet[22] = 64;  // TTL
    packet[23] = 17;  // UDP
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_size_in = packet.size(),
                .repeat = static_cast<int>(count), .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
    bpf_prog_test_run_opts(bpf_program__fd(programs->progs.generate), &options);
  }

  std::uint64_t steered() const { return seen(programs->bss->steered[0]); }
  std::uint64_t sunk() const { return seen(programs->bss->sunk); }

  TestNamespace generator{"afxdp-gen"};
  TestNamespace gateway{"afxdp-gw"};
  TestNamespace sink{"afxdp-sink"};
  std::unique_ptr<afxdp_test_bpf, DestroySkeleton> programs{afxdp_test_bpf__open_and_load()};
  std::uint32_t lan = 0;
  std::uint32_t wan = 0;
  std::array<int, kWan + 1> sockets{-1, -1, -1};  // by port; the driver's

 private:
  static void attach(std::uint32_t ifindex, bpf_program* program, std::uint32_t flags) {
    const int failed = bpf_xdp_attach(static_cast<int>(ifindex), bpf_program__fd(program), flags, nullptr);
    REQUIRE_MESSAGE(failed == 0, "attach to device " << ifindex << ": " << failed);
  }
  void steer(std::uint16_t port, int fd) {
    const std::uint32_t key = port == kLan ? 0 : 1;
    REQUIRE(bpf_map_update_elem(bpf_map__fd(programs->maps.sockets), &key, &fd, BPF_ANY) == 0);
  }
};

DriverConfig small_config() {
  DriverConfig config;
  config.frames = 16384;
  config.sockets_planned = 2;
  return config;
}

std::unique_ptr<Driver> make_driver(const DriverConfig& config = small_config()) {
  auto driver = Driver::create(config);
  REQUIRE_MESSAGE(driver, driver.error().text);
  return std::move(*driver);
}

std::unique_ptr<Driver> make_bridge(Lab& lab) {
  auto driver = make_driver();
  for (const std::uint16_t port : {kLan, kWan}) {
    const auto report = lab.open(*driver, port);
    REQUIRE_MESSAGE(report, report.error().text);
    REQUIRE(report->mode == SocketMode::copy);
  }
  return driver;
}

// Swaps the addresses of every packet and sends it out of the other port.
class Bridge {
 public:
  explicit Bridge(Driver& driver) : driver_(driver) {}

  std::size_t step() {
    const std::span<Frame> burst = driver_.receive();
    for (const Frame& frame : burst) {
      if (reinterpret_cast<const std::uint32_t*>(frame.data - 32)[0] != METADATA_MARK) ++metadata_lost;
      std::swap_ranges(frame.data, frame.data + 6, frame.data + 6);
      if (!driver_.transmit(frame, frame.device == kLan ? kWan : kLan, 0)) driver_.release(frame.index);
    }
    driver_.flush();
    if (burst.empty()) static_cast<void>(driver_.wait(1ms));
    return burst.size();
  }
  template <class Condition>
  bool run_until(Condition done, std::chrono::milliseconds limit = 20s) {
    const auto deadline = steady_clock::now() + limit;
    while (!done()) {
      if (steady_clock::now() > deadline) return false;
      step();
    }
    return true;
  }
  // Nothing waits, nothing is on its way.
  bool settle() {
    return run_until([&, quiet = 0]() mutable {
      quiet = step() == 0 && driver_.ledger().count(Place::tx) == 0 ? quiet + 1 : 0;
      return quiet > 20;
    });
  }

  std::uint64_t metadata_lost = 0;

 private:
  static constexpr std::uint32_t METADATA_MARK = 0x5eed;
  Driver& driver_;
};

// A generator that runs beside the test until it is stopped or has sent its packets.
class Traffic {
 public:
  static constexpr std::uint64_t kEndless = UINT64_MAX;

  // Paced: at most `window` packets are between steering and sink.
  Traffic(Lab& lab, std::uint64_t packets, std::uint64_t window = kEndless)
      : thread_([this, &lab, packets, window] {
          lab.generator.inside([&] {
            const std::uint64_t begin = lab.sunk();
            for (std::uint64_t sent = 0; sent < packets && !stop_;) {
              if (window != kEndless && sent - (lab.sunk() - begin) > window) {
                std::this_thread::yield();
                continue;
              }
              const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(64, packets - sent));
              lab.generate(count);
              sent += count;
            }
          });
        }) {}
  ~Traffic() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// The kernel's own counters of the port's socket.
xdp_statistics kernel_statistics(const Lab& lab, std::uint16_t port) {
  xdp_statistics statistics{};
  socklen_t bytes = sizeof(statistics);
  REQUIRE(::getsockopt(lab.sockets[port], SOL_XDP, XDP_STATISTICS, &statistics, &bytes) == 0);
  return statistics;
}

// Every frame in its place; nothing bogus came out of a ring. Both ports are open.
void check_account(const Lab& lab, const Driver& driver) {
  const auto account = driver.ledger().check();
  CHECK_MESSAGE(account, (account ? "" : account.error().text));
  for (const std::uint16_t port : {kLan, kWan}) {
    const QueueStatistics& statistics = driver.statistics(port, 0);
    CHECK(statistics.bogus_completions.value() == 0);
    CHECK(statistics.bogus_receives.value() == 0);
    CHECK(statistics.tx_invalid.value() == 0);
    CHECK(kernel_statistics(lab, port).tx_invalid_descs == 0);
    CHECK(statistics.tx.value() == statistics.completions.value());
  }
}

// In = out + every counted loss, from the steering program to the device behind.
void check_packets(Lab& lab, Driver& driver) {
  const xdp_statistics kernel = kernel_statistics(lab, kLan);
  const QueueStatistics& in = driver.statistics(kLan, 0);
  const QueueStatistics& out = driver.statistics(kWan, 0);
  CHECK(lab.steered() == in.rx.value() + kernel.rx_dropped + kernel.rx_ring_full + kernel.rx_fill_ring_empty_descs);
  CHECK(in.rx.value() == out.tx.value() + out.tx_full.value());
  CHECK(lab.sunk() == out.tx.value() - out.tx_device_drops.value());
}

// Processor time of the calling thread: rates per second of it mean something on a busy machine too.
double thread_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::chrono::seconds overload_time() {
  const char* asked = std::getenv("TWINPATH_OVERLOAD_SECONDS");
  return std::chrono::seconds{asked != nullptr ? std::atoi(asked) : 3};
}

}  // namespace

TEST_CASE("200000 packets are forwarded, each once and whole, and every frame is accounted for") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  constexpr std::uint64_t kPackets = 200000;

  Traffic traffic{lab, kPackets, 128};
  CHECK(bridge.run_until([&] { return lab.sunk() >= kPackets; }));
  traffic.stop();
  CHECK(bridge.settle());

  CHECK(lab.sunk() == kPackets);
  CHECK(seen(lab.programs->bss->sunk_sequence_sum) == kPackets * (kPackets - 1) / 2);
  CHECK(seen(lab.programs->bss->sunk_unswapped) == 0);
  CHECK(bridge.metadata_lost == 0);
  check_packets(lab, *driver);
  check_account(lab, *driver);
  CHECK(driver->ledger().count(Place::engine) == 0);
}

TEST_CASE("under overload packets are lost by name only, and the account still adds up") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};

  const auto begin = steady_clock::now();
  const double processor_begin = thread_seconds();
  {
    Traffic traffic{lab, Traffic::kEndless};
    bridge.run_until([&] { return steady_clock::now() - begin > overload_time(); }, overload_time() + 10s);
  }
  const std::chrono::duration<double> took = steady_clock::now() - begin;
  const double processor = thread_seconds() - processor_begin;
  CHECK(bridge.settle());

  const QueueStatistics& out = driver->statistics(kWan, 0);
  const auto sunk = static_cast<double>(lab.sunk()) / 1e6;
  const auto steered = static_cast<double>(lab.steered()) / 1e6;
  MESSAGE("plain bridge loop, Mpps: " << sunk / took.count() << " out of " << steered / took.count() << " offered, "
                                      << sunk / processor << " per second of its processor; "
                                      << static_cast<double>(out.tx.value()) /
                                             static_cast<double>(out.kicks.value() + 1)
                                      << " packets per kick");
  CHECK(lab.sunk() > 0);
  check_packets(lab, *driver);
  check_account(lab, *driver);
}

TEST_CASE("a link that goes down and comes back freezes nothing") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  const TestNamespace* where = nullptr;
  const char* device = nullptr;
  SUBCASE("own end") {
    where = &lab.gateway;
    device = "wan0";
  }
  SUBCASE("far end") {
    where = &lab.sink;
    device = "s0";
  }
  Traffic traffic{lab, Traffic::kEndless};
  REQUIRE(bridge.run_until([&] { return lab.sunk() > 10000; }));

  for (int round = 0; round < 3; ++round) {
    where->run(std::string{"ip link set "} + device + " down");
    const auto down_until = steady_clock::now() + 300ms;
    bridge.run_until([&] { return steady_clock::now() > down_until; });
    // The ingress still gets its frames: transmit has not taken them.
    const std::uint64_t received = driver->statistics(kLan, 0).rx.value();
    CHECK(bridge.run_until([&] { return driver->statistics(kLan, 0).rx.value() > received + 1000; }, 5s));
    where->run(std::string{"ip link set "} + device + " up");
    const std::uint64_t before = lab.sunk();
    CHECK(bridge.run_until([&] { return lab.sunk() > before + 10000; }, 5s));
  }
  traffic.stop();
  CHECK(bridge.settle());
  check_account(lab, *driver);
}

TEST_CASE("packets that waited for a link leave when it is up, without new traffic") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  lab.gateway.run("ip link set wan0 down");
  Traffic traffic{lab, 100};
  REQUIRE(bridge.run_until([&] { return driver->statistics(kWan, 0).tx.value() == 100; }, 5s));
  CHECK(driver->ledger().count(Place::tx) == 100);
  lab.gateway.run("ip link set wan0 up");
  CHECK(bridge.run_until([&] { return lab.sunk() == 100; }, 5s));
  CHECK(bridge.settle());
  check_account(lab, *driver);
}

TEST_CASE("packets that the device refuses come back as frames and are counted") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  lab.sink.run("ip link set s0 down");  // no carrier
  Traffic traffic{lab, 1000};
  REQUIRE(bridge.run_until([&] { return driver->statistics(kLan, 0).rx.value() == 1000; }, 5s));
  CHECK(bridge.settle());
  CHECK(driver->statistics(kWan, 0).tx_device_drops.value() == 1000);
  check_packets(lab, *driver);
  check_account(lab, *driver);
}

TEST_CASE("the next owner gets the queues as soon as the last one is gone") {
  if (!test::require_root()) return;
  Lab lab;
  for (int round = 0; round < 5; ++round) {
    auto driver = make_bridge(lab);
    Bridge bridge{*driver};
    const std::uint64_t before = lab.sunk();
    Traffic traffic{lab, 1000, 128};
    CHECK(bridge.run_until([&] { return lab.sunk() >= before + 1000; }, 5s));
  }
}

TEST_CASE("after kill -9 of the process that held the sockets the next one takes over at once") {
  if (!test::require_root()) return;
  Lab lab;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t holder = ::fork();
  REQUIRE(holder >= 0);
  if (holder == 0) {
    auto driver = make_bridge(lab);
    Bridge bridge{*driver};
    bool told = ::write(ready[1], "r", 1) == 1;
    for (; told;) bridge.step();
    ::_exit(1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  std::uint64_t before = 0;
  {
    Traffic traffic{lab, Traffic::kEndless};
    for (int i = 0; i < 1000 && lab.sunk() < 1000; ++i) std::this_thread::sleep_for(1ms);
    CHECK(lab.sunk() >= 1000);
    REQUIRE(::kill(holder, SIGKILL) == 0);
    REQUIRE(::waitpid(holder, nullptr, 0) == holder);
    auto driver = make_bridge(lab);
    Bridge bridge{*driver};
    before = lab.sunk();
    CHECK(bridge.run_until([&] { return lab.sunk() > before + 1000; }, 5s));
    traffic.stop();
    CHECK(bridge.settle());
    check_account(lab, *driver);
  }
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a queue that somebody else holds is refused in bounded time, and no frame is lost by it") {
  if (!test::require_root()) return;
  Lab lab;
  auto first = make_driver();
  REQUIRE(lab.open(*first, kLan));
  DriverConfig config = small_config();
  config.sockets.bind_timeout = 50ms;
  auto second = make_driver(config);
  const auto begin = steady_clock::now();
  const auto report = lab.open(*second, kLan);
  REQUIRE_FALSE(report);
  CHECK(report.error().code == EBUSY);
  CHECK(steady_clock::now() - begin < 2s);
  CHECK(second->ledger().count(Place::free) == config.frames);
  CHECK(second->ledger().check());
}

TEST_CASE("zero-copy on a device that cannot becomes copy, with the reason told") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_driver();
  const auto report = lab.open(*driver, kLan, SocketWish::zerocopy);
  REQUIRE_MESSAGE(report, report.error().text);
  CHECK(report->mode == SocketMode::copy);
  CHECK(report->fallback.find("zerocopy") != std::string::npos);
  CHECK(driver->ledger().check());
}

TEST_CASE("ports can be removed and added while others go on") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  // The first socket is the one that the UMEM was registered with.
  for (const std::uint16_t port : {kLan, kWan, kLan}) {
    Traffic traffic{lab, Traffic::kEndless};
    const std::uint64_t before = lab.sunk();
    CHECK(bridge.run_until([&] { return lab.sunk() > before + 1000; }, 5s));
    driver->remove_device(port);
    for (int i = 0; i < 100; ++i) bridge.step();
    CHECK(driver->ledger().check());
    REQUIRE(lab.open(*driver, port));
  }
  CHECK(bridge.settle());
  CHECK(driver->ledger().check());
}

TEST_CASE("what was on its way out of a port that is removed counts as come back, for whoever waits for it") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_driver();
  REQUIRE(lab.open(*driver, kLan));
  Frame frame = driver->allocate();
  REQUIRE(frame);
  frame.length = 60;
  REQUIRE(driver->transmit(frame, kLan, 0));
  CHECK(driver->sent(kLan, 0).queued == 1);
  CHECK(driver->sent(kLan, 0).completed == 0);
  driver->remove_device(kLan);
  CHECK(driver->sent(kLan, 0).completed == 1);
  CHECK(driver->ledger().count(Place::free) == driver->ledger().frames());
  CHECK(driver->ledger().check());
}

TEST_CASE("a device that disappears takes no frame with it, and other ports can still be opened") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  {
    Traffic traffic{lab, Traffic::kEndless};
    CHECK(bridge.run_until([&] { return lab.sunk() > 1000; }, 5s));
    lab.gateway.run("ip link del lan0");  // the anchor of the shared UMEM
    for (int i = 0; i < 100; ++i) bridge.step();
  }
  lab.gateway.run("ip link add lan0 type veth peer name g1");
  lab.gateway.run("ip link set lan0 up; ip link set g1 up");
  driver->remove_device(kWan);
  lab.gateway.inside([&] { lab.lan = ::if_nametoindex("lan0"); });
  const auto wan = lab.open(*driver, kWan);
  REQUIRE_MESSAGE(wan, wan.error().text);
  driver->remove_device(kLan);
  const auto lan = lab.open(*driver, kLan);
  REQUIRE_MESSAGE(lan, lan.error().text);
  CHECK(bridge.settle());
  CHECK(driver->ledger().check());
  CHECK(driver->ledger().count(Place::engine) == 0);
}

TEST_CASE("frames the engine makes are sent, and bad ones are refused before the kernel sees them") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  Frame frame = driver->allocate();
  REQUIRE(frame);
  std::fill_n(frame.data, 60, std::uint8_t{0});
  frame.data[5] = 1;
  frame.data[12] = 8;

  const struct {
    const char* name;
    std::ptrdiff_t shift;
    std::uint32_t length;
  } bad[] = {
      {"empty", 0, 0}, {"too long", 0, 1793}, {"in the next frame", 1792, 60}, {"in the frame before", -257, 60}};
  for (const auto& c : bad) {
    CAPTURE(c.name);
    Frame wrong = frame;
    wrong.data += c.shift;
    wrong.length = c.length;
    CHECK_FALSE(driver->transmit(wrong, kWan, 0));
  }
  CHECK(driver->statistics(kWan, 0).tx_invalid.value() == std::size(bad));

  frame.length = 60;
  CHECK(driver->transmit(frame, kWan, 0));
  CHECK_FALSE(driver->transmit(frame, kWan, 0));  // it is no longer ours
  CHECK(bridge.run_until([&] { return lab.sunk() == 1; }, 5s));
  CHECK(bridge.settle());
  CHECK(driver->ledger().check());
}

TEST_CASE("a stuck link cannot take the frames that receive needs") {
  if (!test::require_root()) return;
  Lab lab;
  DriverConfig config;
  config.frames = 1024;  // far less than the rings have room for
  config.sockets_planned = 2;
  auto driver = make_driver(config);
  REQUIRE(lab.open(*driver, kLan));
  REQUIRE(lab.open(*driver, kWan));
  Bridge bridge{*driver};
  lab.gateway.run("ip link set wan0 down");
  {
    Traffic traffic{lab, Traffic::kEndless};
    CHECK(bridge.run_until([&] { return driver->statistics(kLan, 0).rx.value() > 50000; }, 10s));
  }
  CHECK(driver->ledger().count(Place::tx) == 128);  // a quarter of the frames, shared by two sockets
  CHECK(driver->statistics(kWan, 0).tx_full.value() > 0);
  CHECK(driver->statistics(kLan, 0).fill_empty.value() == 0);
  lab.gateway.run("ip link set wan0 up");
  CHECK(bridge.settle());
  CHECK(driver->ledger().check());
}

TEST_CASE("each socket with traffic gets its part of a burst, and one alone gets all of it") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  lab.generator.inside([&] { lab.generate(500); });
  lab.sink.inside([&] {
    lab.programs->bss->generator_ifindex = ::if_nametoindex("s0");
    lab.generate(100);
  });
  const auto waiting = [&] { return seen(lab.programs->bss->steered[0]) + seen(lab.programs->bss->steered[1]); };
  for (int i = 0; i < 1000 && waiting() < 600; ++i) std::this_thread::sleep_for(1ms);
  REQUIRE(waiting() == 600);

  const auto from = [](std::span<Frame> burst, std::uint16_t port) {
    return std::count_if(burst.begin(), burst.end(), [port](const Frame& frame) { return frame.device == port; });
  };
  const auto drain = [&](std::uint32_t size) {
    const std::span<Frame> burst = driver->receive(size);
    for (const Frame& frame : burst) driver->release(frame.index);
    return burst;
  };
  for (const std::uint32_t size : {64U, 10U}) {
    const auto burst = drain(size);
    CHECK(from(burst, kLan) == size / 2);
    CHECK(from(burst, kWan) == size / 2);
  }
  const std::uint16_t first = drain(1)[0].device;
  CHECK(drain(1)[0].device != first);
  while (from(drain(64), kWan) != 0) continue;
  CHECK(from(drain(1000), kLan) == kBurstMax);
  CHECK(driver->ledger().check());
}

TEST_CASE("every queue of a device has its own socket, and a queue it lacks is refused") {
  if (!test::require_root()) return;
  Lab lab;
  lab.gateway.run("ip link add q0 numtxqueues 2 numrxqueues 2 type veth peer name q1 numtxqueues 2 numrxqueues 2");
  lab.gateway.run("ip link set q0 up; ip link set q1 up");
  lab.gateway.inside([&] {
    REQUIRE(bpf_xdp_attach(static_cast<int>(::if_nametoindex("q1")), bpf_program__fd(lab.programs->progs.sink),
                           XDP_FLAGS_DRV_MODE, nullptr) == 0);
  });
  DriverConfig config = small_config();
  config.sockets.bind_timeout = 50ms;
  auto driver = make_driver(config);
  lab.gateway.inside([&] {
    const std::uint32_t device = ::if_nametoindex("q0");
    for (const std::uint16_t queue : {0, 1})
      CHECK(driver->add_socket({.device = kHigh, .ifindex = device, .queue = queue, .wish = SocketWish::automatic}));
    CHECK_FALSE(driver->add_socket({.device = kHigh, .ifindex = device, .queue = 1, .wish = SocketWish::automatic}));
    CHECK_FALSE(driver->add_socket({.device = kHigh, .ifindex = device, .queue = 2, .wish = SocketWish::automatic}));
    CHECK_FALSE(
        driver->add_socket({.device = DP_DEVICES_MAX, .ifindex = device, .queue = 0, .wish = SocketWish::automatic}));
  });
  for (const std::uint16_t queue : {0, 1}) {
    Frame frame = driver->allocate();
    REQUIRE(frame);
    std::fill_n(frame.data, 60, std::uint8_t{0});
    frame.data[12] = 8;
    frame.length = 60;
    CHECK(driver->transmit(frame, kHigh, queue));
  }
  Bridge bridge{*driver};
  CHECK(bridge.settle());
  CHECK(lab.sunk() == 2);
  CHECK(driver->statistics(kHigh, 1).completions.value() == 1);
  driver->remove_device(kHigh);
  CHECK(driver->ledger().count(Place::free) == config.frames);
  CHECK(driver->ledger().check());
}

TEST_CASE("another thread can read the counters and end a wait while packets flow") {
  if (!test::require_root()) return;
  Lab lab;
  auto driver = make_bridge(lab);
  Bridge bridge{*driver};
  std::atomic<bool> stop{false};
  std::uint64_t highest = 0;
  std::thread reader([&] {
    while (!stop) {
      highest = std::max(highest, driver->statistics(kLan, 0).rx.value() + driver->ledger().count(Place::tx));
      driver->wake();
      std::this_thread::sleep_for(100us);
    }
  });
  Traffic traffic{lab, 20000, 128};
  CHECK(bridge.run_until([&] { return lab.sunk() >= 20000; }, 10s));
  stop = true;
  reader.join();
  CHECK(highest > 0);
  const auto begin = steady_clock::now();
  std::thread waker([&] {
    std::this_thread::sleep_for(20ms);
    driver->wake();
  });
  while (driver->wait(10s) != Wake::called) continue;
  CHECK(steady_clock::now() - begin < 5s);
  waker.join();
}
