// pktgen_test.cpp - the generator and its sink on real devices: near g0 ─veth─ s0 far.
//
// Truth    Linux itself: its sockets and its counters of bad checksums; the harness's own checksums.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "bench/pktgen/run.hpp"
#include "harness/namespace.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::pktgen;
using namespace std::chrono_literals;
using test::TestNamespace;

namespace {

constexpr double kSlow = 50'000;  // packets per second: nothing is lost at this rate
constexpr auto kPatience = 60s;

struct Kind {
  const char* name;
  Family family;
  Protocol protocol;
};
constexpr Kind kKinds[] = {{"UDP over IPv4", Family::v4, Protocol::udp},
                           {"TCP over IPv4", Family::v4, Protocol::tcp},
                           {"UDP over IPv6", Family::v6, Protocol::udp},
                           {"TCP over IPv6", Family::v6, Protocol::tcp}};

Traffic traffic_of(const Kind& kind, std::uint32_t flows) {
  Traffic traffic;
  traffic.family = kind.family;
  traffic.protocol = kind.protocol;
  traffic.source = default_source(kind.family);
  traffic.destination = default_destination(kind.family);
  traffic.flows = flows;
  return traffic;
}

struct Lab {
  Lab() { near.veth("g0", far, "s0"); }

  [[nodiscard]] RunOptions options(const Traffic& traffic, std::uint64_t packets) const {
    RunOptions run;
    run.generator = {
        .device = "g0", .netns = near.name(), .traffic = traffic, .rate_pps = kSlow, .packet_count = packets};
    run.sink_device = "s0";
    run.sink_netns = far.name();
    run.checksum_every = 1;
    run.seconds = std::chrono::duration<double>(kPatience).count();  // ends by itself after its packets
    return run;
  }

  TestNamespace near{"pktgen-near"};
  TestNamespace far{"pktgen-far"};
};

Report must(Result<Report> report) {
  REQUIRE_MESSAGE(report, report.error().text);
  return std::move(*report);
}

// All that a path which loses and changes nothing must show.
void check_clean(const SinkReport& sink, std::uint64_t packets) {
  CHECK(sink.total.received == packets);
  CHECK(sink.total.order_checked == packets);
  CHECK(sink.total.reordered == 0);
  CHECK(sink.total.duplicated == 0);
  CHECK(sink.total.checksums_checked == packets);
  CHECK(sink.total.bad_ip_checksums == 0);
  CHECK(sink.total.bad_l4_checksums == 0);
}

// Sends without a sink: to Linux, or to a listener.
GeneratorResult send_all(const RunOptions& options) {
  auto generator = Generator::open(options.generator);
  REQUIRE_MESSAGE(generator, generator.error().text);
  REQUIRE(generator->start());
  CHECK(generator->wait(kPatience));
  CHECK(generator->stop());
  return generator->result();
}

MacAddress mac_of(const TestNamespace& part, const std::string& device) {
  const std::string text = part.run("ip -o link show " + device);
  const auto at = text.find("link/ether ");
  REQUIRE(at != std::string::npos);
  return *parse_mac(text.substr(at + 11, 17));
}

template <class Condition>
bool eventually(Condition condition) {
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience;
       std::chrono::steady_clock::now() < deadline;) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return condition();
}

// A counter of nstat in a namespace, since the namespace was made.
std::uint64_t counter(const TestNamespace& part, const std::string& name) {
  std::istringstream lines{part.run("NSTAT_HISTORY=/dev/null nstat -asz " + name)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string key;
    std::uint64_t value = 0;
    if (words >> key >> value && key == name) return value;
  }
  return 0;
}

}  // namespace

TEST_CASE("every packet of a thousand flows arrives, in order and whole") {
  if (!test::require_root()) return;
  for (const Kind& kind : kKinds) {
    SUBCASE(kind.name) {
      Lab lab;
      const Report report = must(measure(lab.options(traffic_of(kind, 1000), 20'000)));
      CHECK(report.generator.sent == 20'000);
      CHECK(report.generator.not_taken == 0);
      CHECK(report.generator.flows == 1000);
      CHECK(report.lost == 0);
      check_clean(*report.sink, 20'000);
      CHECK(report.sink->flows_seen == 1000);
      CHECK(report.sink->native);
      CHECK(report.sink->total.bytes == report.generator.bytes);
      CHECK(report.sink->total.latency.count() == 20'000 / 16);
    }
  }
}

TEST_CASE("random order, mixed sizes, several threads and long frames lose nothing either") {
  if (!test::require_root()) return;
  Lab lab;
  Traffic traffic = traffic_of(kKinds[0], 10'000);
  SUBCASE("random order") { traffic.order = Order::random; }
  SUBCASE("IMIX") { traffic.imix = true; }
  SUBCASE("1518 bytes") { traffic.frame_bytes = 1518; }
  SUBCASE("an odd size") { traffic.frame_bytes = 333; }
  SUBCASE("many addresses and ports") {
    traffic.source = *parse_addresses("192.0.2.0/29");
    traffic.source_ports = {7, 106};
    traffic.destination = *parse_addresses("198.51.100.3-198.51.100.9");
    traffic.destination_ports = {80, 82};
  }
  RunOptions options = lab.options(traffic, 40'000);
  const Report report = must(measure(options));
  check_clean(*report.sink, 40'000);
  CHECK(report.sink->flows_seen == 10'000);
}

TEST_CASE("two threads share the flows") {
  if (!test::require_root()) return;
  if (std::thread::hardware_concurrency() < 2) {
    std::puts("SKIPPED: needs two CPUs");
    return;
  }
  Lab lab;
  RunOptions options = lab.options(traffic_of(kKinds[0], 999), 20'001);
  options.generator.threads = 2;
  const Report report = must(measure(options));
  check_clean(*report.sink, 20'001);
  CHECK(report.sink->flows_seen == 999);
}

TEST_CASE("Linux's checksums of what the generator sends are right, and its sockets get every datagram") {
  if (!test::require_root()) return;
  for (const Kind& kind : kKinds) {
    SUBCASE(kind.name) {
      Lab lab;
      const bool v4 = kind.family == Family::v4;
      // A veth takes redirected frames when its peer has NAPI.
      lab.far.run(
          "ethtool -K s0 gro on && ip addr add 198.19.0.1/24 dev s0 && ip addr add 2001:db8:2::1/64 dev s0 nodad");
      lab.far.run("ip route add 198.18.0.0/16 dev s0 && ip route add 2001:db8:1::/64 dev s0");
      RunOptions options = lab.options(traffic_of(kind, 100), 2000);
      options.generator.traffic.destination_mac = mac_of(lab.far, "s0");

      std::atomic<std::uint64_t> heard{0}, wrong{0};
      test::Listener listener{lab.far, "s0", [&](const test::Heard& frame) {
                                const bool ours = !frame.outgoing && test::flow_name(frame.frame).destination_port == 9;
                                heard += ours;
                                wrong += ours && !test::checksums_right(frame.frame);
                              }};
      UniqueFd socket;
      lab.far.inside([&] {
        socket.reset(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const int bytes = 16 << 20;
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        sockaddr_in6 address{};
        address.sin6_family = v4 ? AF_INET : AF_INET6;
        address.sin6_port = htons(9);
        REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address),
                       v4 ? sizeof(sockaddr_in) : sizeof address) == 0);
      });
      CHECK(send_all(options).sent == 2000);

      CHECK(eventually([&] { return heard == 2000; }));
      CHECK(wrong == 0);
      if (kind.protocol == Protocol::udp) {
        std::uint64_t datagrams = 0;
        char byte = 0;
        CHECK(eventually([&] {
          while (::recv(socket.get(), &byte, 1, 0) >= 0) ++datagrams;
          return datagrams == 2000;
        }));
      } else {
        CHECK(eventually([&] { return counter(lab.far, "TcpInSegs") >= 2000; }));
      }
      for (const char* name : {"UdpInCsumErrors", "Udp6InCsumErrors", "TcpInCsumErrors", "IpInHdrErrors"})
        CHECK(counter(lab.far, name) == 0);
      listener.stop();
    }
  }
}

TEST_CASE("the first packet of a TCP flow is its SYN, and every later one an ACK") {
  if (!test::require_root()) return;
  Lab lab;
  lab.far.run("ethtool -K s0 gro on");
  RunOptions options = lab.options(traffic_of(kKinds[1], 50), 500);
  options.generator.traffic.order = Order::random;
  options.generator.traffic.destination_mac = {2, 0, 0, 0, 0, 9};
  std::mutex mutex;
  std::set<std::uint16_t> begun;
  std::uint64_t syns = 0, heard = 0, misplaced = 0;
  test::Listener listener{lab.far, "s0", [&](const test::Heard& frame) {
                            const test::FlowName flow = test::flow_name(frame.frame);
                            if (frame.outgoing || flow.destination_port != 9) return;
                            const std::scoped_lock lock{mutex};
                            ++heard;
                            const bool first = begun.insert(flow.source_port).second;
                            const bool syn = frame.frame[47] == 0x02;
                            syns += syn;
                            misplaced += syn != first;
                          }};
  CHECK(send_all(options).sent == 500);
  CHECK(eventually([&] {
    const std::scoped_lock lock{mutex};
    return heard == 500;
  }));
  listener.stop();
  CHECK(syns == 50);
  CHECK(misplaced == 0);
}

TEST_CASE("new flows replace old ones: every packet, or at the rate asked for") {
  if (!test::require_root()) return;
  Lab lab;
  SUBCASE("every packet begins a flow") {
    Traffic traffic = traffic_of(kKinds[0], 1);
    traffic.every_packet_new = true;
    const Report report = must(measure(lab.options(traffic, 30'000)));
    CHECK(report.generator.flows == 30'000);
    CHECK(report.sink->flows_seen == 30'000);
    check_clean(*report.sink, 30'000);
  }
  SUBCASE("5,000 a second") {
    Traffic traffic = traffic_of(kKinds[0], 100);
    traffic.new_flows_per_second = 5000;
    const Report report = must(measure(lab.options(traffic, 50'000)));
    // The generator's own clock is the measure: up to its last reading, 16 packets before the end at most.
    const double expected = 100 + 5000 * report.generator.seconds;
    CHECK(static_cast<double>(report.generator.flows) == doctest::Approx(expected).epsilon(0.1));
    CHECK(report.sink->flows_seen == report.generator.flows);
  }
}

TEST_CASE("the sink sends every packet back, with right checksums, and the round trip is measured") {
  if (!test::require_root()) return;
  for (const Kind& kind : kKinds) {
    SUBCASE(kind.name) {
      Lab lab;
      RunOptions options = lab.options(traffic_of(kind, 1000), 20'000);
      options.replies = true;
      const Report report = must(measure(options));
      CHECK(report.sink->total.replied == 20'000);
      REQUIRE(report.replies);
      check_clean(*report.replies, 20'000);
      CHECK(report.replies->flows_seen == 1000);
      CHECK(report.replies_lost == 0);
      const Histogram& there = report.sink->total.latency;
      const Histogram& and_back = report.replies->total.latency;
      CHECK(and_back.count() == there.count());
      CHECK(there.max() > 0);
      CHECK(and_back.quantile(0.5) > there.quantile(0.5));
    }
  }
}

TEST_CASE("nothing is left of a generator and a sink") {
  if (!test::require_root()) return;
  Lab lab;
  must(measure(lab.options(traffic_of(kKinds[0], 10), 100)));
  CHECK(lab.near.run("ip link").find("xdp") == std::string::npos);
  CHECK(lab.far.run("ip link").find("xdp") == std::string::npos);
}

TEST_CASE("what a device had no room for is told apart from what is lost later") {
  if (!test::require_root()) return;
  Lab lab;
  // Linux's stack behind the device, several times slower than the generator, and in a thread of its own: in the sender's
  // softirq it would take each burst before the next one, and the ring would never be full.
  lab.far.run("ethtool -K s0 gro on");
  const auto threaded =
      test::run_command("ip netns exec " + lab.far.name() + " sh -c 'echo 1 > /sys/class/net/s0/threaded'");
  REQUIRE_MESSAGE(threaded.status == 0, threaded.output);
  const auto arrived = [&lab] {
    std::istringstream words{lab.far.run("grep s0: /proc/net/dev")};
    std::string name;
    std::uint64_t bytes = 0, packets = 0;
    words >> name >> bytes >> packets;
    return packets;
  };
  const std::uint64_t before = arrived();
  RunOptions options = lab.options(traffic_of(kKinds[0], 1), 200'000);
  options.generator.rate_pps = 0;
  options.generator.batch = 256;
  options.generator.traffic.destination_mac = {2, 0, 0, 0, 0, 9};
  std::uint64_t sent = 0, not_taken = 0;
  // Whether the ring overflows depends on who else wants the CPUs: again until it has.
  CHECK(eventually([&] {
    const GeneratorResult result = send_all(options);
    sent += result.sent;
    not_taken += result.not_taken;
    return not_taken > 0;
  }));
  // Linux's own few packets (neighbour discovery) arrive, too.
  CHECK(eventually([&] { return arrived() - before >= sent - not_taken; }));
  CHECK(arrived() - before < sent - not_taken + 100);
}

TEST_CASE("what cannot be opened says on what it failed") {
  if (!test::require_root()) return;
  Lab lab;
  RunOptions options = lab.options(traffic_of(kKinds[0], 1), 1);
  options.generator.traffic.destination_mac = {2, 0, 0, 0, 0, 9};
  SUBCASE("device") {
    options.generator.device = "absent0";
    const auto report = measure(options);
    REQUIRE_FALSE(report);
    CHECK(report.error().text.find("absent0") != std::string::npos);
  }
  SUBCASE("namespace") {
    options.sink_netns = "pktgen-absent";
    const auto report = measure(options);
    REQUIRE_FALSE(report);
    CHECK(report.error().text.find("pktgen-absent") != std::string::npos);
  }
  SUBCASE("a device that has an XDP program already") {
    auto first = Sink::open({.device = "s0", .netns = lab.far.name()});
    REQUIRE(first);
    const auto report = measure(options);
    REQUIRE_FALSE(report);
    CHECK(report.error().text.find("s0") != std::string::npos);
  }
}
