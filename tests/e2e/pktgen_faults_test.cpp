// pktgen_faults_test.cpp - the sink sees what a network does to packets: near g0 ─veth─ relay ─veth─ s0 far.
//
// Truth    what the relay did.
#include <doctest/doctest.h>

#include "bench/pktgen/run.hpp"
#include "harness/namespace.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::pktgen;
using test::TestNamespace;

namespace {

// Carries frames from one device to another and does to the n-th what `fault` says.
class Relay {
 public:
  using Bytes = std::vector<std::uint8_t>;
  using Frames = std::vector<Bytes>;
  // What goes out for the frame that came in; kept frames may go out with a later one.
  using Fault = std::function<Frames(std::uint64_t number, Bytes frame)>;

  Relay(const TestNamespace& part, const std::string& from, const std::string& to, Fault fault)
      : sender_(part, to), fault_(std::move(fault)), listener_(part, from, [this](const test::Heard& heard) {
          if (heard.outgoing || test::flow_name(heard.frame).destination_port != 9) return;
          for (const Bytes& frame : fault_(number_++, {heard.frame.begin(), heard.frame.end()})) sender_.send(frame);
        }) {}

 private:
  test::Sender sender_;
  Fault fault_;
  std::uint64_t number_ = 0;
  test::Listener listener_;
};

struct RelayedLab {
  RelayedLab() {
    near.veth("g0", between, "r0");
    between.veth("r1", far, "s0");
    between.run("ethtool -K r0 gro on");
  }
  // 1,000 packets of one flow over IPv4 and UDP.
  Report send(Relay::Fault fault) {
    Relay relay{between, "r0", "r1", std::move(fault)};
    RunOptions options;
    options.generator = {.device = "g0", .netns = near.name(), .rate_pps = 5000, .packet_count = 1000};
    options.sink_device = "s0";
    options.sink_netns = far.name();
    options.checksum_every = 1;
    options.seconds = 60;  // ends by itself after its packets
    auto report = measure(options);
    REQUIRE_MESSAGE(report, report.error().text);
    return std::move(*report);
  }

  TestNamespace near{"pktgen-near"};
  TestNamespace between{"pktgen-between"};
  TestNamespace far{"pktgen-far"};
};

}  // namespace

TEST_CASE("the sink sees what a network did to the packets") {
  if (!test::require_root()) return;
  RelayedLab lab;
  SUBCASE("nothing") {
    const Report report = lab.send([](std::uint64_t, Relay::Bytes frame) { return Relay::Frames{frame}; });
    CHECK(report.sink->total.received == 1000);
    CHECK(report.sink->total.reordered + report.sink->total.duplicated == 0);
    CHECK(report.sink->total.checksums_checked == 1000);
    CHECK(report.sink->total.bad_ip_checksums + report.sink->total.bad_l4_checksums == 0);
    CHECK(report.lost == 0);
  }
  SUBCASE("a byte of the payload changed in every tenth") {
    const Report report = lab.send([](std::uint64_t number, Relay::Bytes frame) {
      frame.back() ^= number % 10 == 0 ? 0x40 : 0;  // the lowest byte of the time stamp
      return Relay::Frames{frame};
    });
    CHECK(report.sink->total.bad_l4_checksums == 100);
    CHECK(report.sink->total.bad_ip_checksums == 0);
  }
  SUBCASE("a TTL counted down without its checksum in every tenth") {
    const Report report = lab.send([](std::uint64_t number, Relay::Bytes frame) {
      frame[22] -= number % 10 == 0;
      return Relay::Frames{frame};
    });
    CHECK(report.sink->total.bad_ip_checksums == 100);
    CHECK(report.sink->total.bad_l4_checksums == 0);
  }
  SUBCASE("a UDP checksum taken out of every tenth") {
    const Report report = lab.send([](std::uint64_t number, Relay::Bytes frame) {
      if (number % 10 == 0) frame[40] = frame[41] = 0;
      return Relay::Frames{frame};
    });
    CHECK(report.sink->total.bad_l4_checksums == 100);
  }
  SUBCASE("every tenth packet after the one behind it") {
    Relay::Bytes kept;
    const Report report = lab.send([&](std::uint64_t number, Relay::Bytes frame) -> Relay::Frames {
      if (number % 10 == 0) {
        kept = frame;
        return {};
      }
      if (number % 10 == 1) return {frame, kept};
      return {frame};
    });
    CHECK(report.sink->total.reordered == 100);
    CHECK(report.sink->total.duplicated == 0);
    CHECK(report.lost == 0);
  }
  SUBCASE("every tenth lost") {
    const Report report = lab.send([](std::uint64_t number, Relay::Bytes frame) {
      return number % 10 == 0 ? Relay::Frames{} : Relay::Frames{frame};
    });
    CHECK(report.lost == 100);
    CHECK(report.sink->total.reordered == 0);
  }
  SUBCASE("every tenth twice") {
    const Report report = lab.send([](std::uint64_t number, Relay::Bytes frame) {
      return number % 10 == 0 ? Relay::Frames{frame, frame} : Relay::Frames{frame};
    });
    CHECK(report.sink->total.duplicated == 100);
    CHECK(report.lost == -100);
  }
}
