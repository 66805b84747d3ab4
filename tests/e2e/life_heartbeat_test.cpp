// When the control thread is busy for longer than the heartbeat limit, the datapaths still count the daemon as alive.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <net/if.h>

#include <atomic>
#include <thread>

#include "afxdp/driver.hpp"
#include "common/model/settings.h"
#include "harness/stream.hpp"

using namespace twinpath;
using namespace twinpath::test;
using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::steady_clock;

namespace {

constexpr std::uint16_t kQueues = 3;
constexpr std::chrono::milliseconds kQueueBusy = 1300ms;  // each; together more than the heartbeat may be old

// Sockets of another owner on the queues of a device; one after the other is closed.
class BusyQueues {
 public:
  BusyQueues(const GatewayLab& lab, const char* device) {
    lab.gateway.inside([&] {
      for (std::uint16_t queue = 0; queue < kQueues; ++queue) {
        afxdp::DriverConfig frames;
        frames.frames = 1024;
        auto driver = afxdp::Driver::create(frames);
        REQUIRE(driver);
        REQUIRE((*driver)->add_socket({1, if_nametoindex(device), queue, afxdp::SocketWish::copy, {}}));
        drivers_.push_back(std::move(*driver));
      }
    });
  }
  ~BusyQueues() {
    if (releaser_.joinable()) releaser_.join();
  }
  void release_one_by_one() {
    releaser_ = std::thread([this] {
      for (auto& driver : drivers_) {
        std::this_thread::sleep_for(kQueueBusy);
        driver.reset();
      }
    });
  }

 private:
  std::vector<std::unique_ptr<afxdp::Driver>> drivers_;
  std::thread releaser_;
};

// Watches the pinned settings for the longest time in which the heartbeat did not change.
class HeartbeatWatch {
 public:
  explicit HeartbeatWatch(const GatewayLab& lab)
      : map_(bpf_obj_get(("/sys/fs/bpf/twinpath/" + lab.name() + "/settings").c_str())) {
    REQUIRE(map_);
    thread_ = std::thread([this] { run(); });
  }
  ~HeartbeatWatch() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::chrono::milliseconds longest_pause() const { return std::chrono::milliseconds{longest_ms_}; }

 private:
  void run() {
    std::uint32_t last = 0;
    auto since = steady_clock::now();
    while (!stop_) {
      const std::uint32_t zero = 0;
      dp_settings settings{};
      if (bpf_map_lookup_elem(map_.get(), &zero, &settings) == 0 && settings.heartbeat != last) {
        last = settings.heartbeat;
        since = steady_clock::now();
      }
      const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - since).count();
      longest_ms_ = std::max<std::int64_t>(longest_ms_, pause);
      std::this_thread::sleep_for(20ms);
    }
  }

  UniqueFd map_;
  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> longest_ms_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a reload that waits for busy queues neither stops the heartbeat nor loses a steered packet") {
  if (!require_root()) return;
  GatewayLab lab{"lifebeat"};
  CAPTURE(lab.log());
  const TestNamespace third{lab.name() + "-third"};
  lab.gateway.run("ip link add dmz0 numrxqueues 3 numtxqueues 3 type veth peer name eth0 netns " + third.path());
  lab.gateway.run("ip link set dmz0 up");
  third.run("ip link set eth0 up");
  json config =
      lab.config(R"([{"name": "looked-at", "from": "inside", "to": "outside", "action": "allow", "place": "user"}])");
  lab.start(config);
  UdpStream udp{lab, 7002};
  REQUIRE(udp.flows());
  const std::uint64_t absent = lab.drops("engine_absent");

  BusyQueues busy{lab, "dmz0"};
  const HeartbeatWatch watch{lab};
  json more = config;
  more["ports"].push_back({{"name", "dmz"}, {"device", "dmz0"}, {"zone", "inside"}});
  const auto before = steady_clock::now();
  busy.release_one_by_one();
  const rest::Reply reply = lab.request("PUT", "/v1/config", more.dump());
  CHECK_MESSAGE(reply.status == 200, reply.body);
  CHECK(steady_clock::now() - before > 3s);

  CHECK(watch.longest_pause() < 1500ms);
  CHECK(udp.flows());
  CHECK(udp.missing() == 0);
  CHECK(lab.drops("engine_absent") == absent);
}
