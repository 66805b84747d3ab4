// bursts_test.cpp - the driver's two ways out, bursts and TX rings, towards a real device: gateway ─veth─ listener.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <thread>

#include "afxdp/driver.hpp"
#include "control/life/live_sender.hpp"
#include "harness/namespace.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::afxdp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::TestNamespace;

namespace {

constexpr std::uint16_t kDevice = 100;
constexpr std::uint32_t kShort = 60;
constexpr std::uint32_t kLong = DP_TRANSMIT_PACKET_MAX + 500;  // no burst takes it, its device does

// A gateway with one port, whose peer takes redirects, and a driver that sends by it.
class Lab {
 public:
  Lab() {
    gateway.veth("out0", far, "in0");
    gateway.run("ip link set out0 mtu 3000");
    far.run("ip link set in0 mtu 3000 && ethtool -K in0 gro on");
    gateway.inside([&] {
      ifindex = ::if_nametoindex("out0");
      const std::uint32_t key = kDevice;
      REQUIRE(bpf_map_update_elem(devices.get(), &key, &ifindex, BPF_ANY) == 0);
    });
    driver = open_driver();
  }

  void send_bursts(std::unique_ptr<BurstSender> sender) {
    driver->set_burst_sender(std::move(sender));
    driver->set_redirects(kDevice, true);
  }
  void send_live() {
    auto transmit = LiveTransmit::create(devices.get());
    REQUIRE_MESSAGE(transmit, (transmit ? "" : transmit.error().text));
    send_bursts(std::make_unique<LiveSender>(std::move(*transmit)));
  }

  // Queues `count` frames of one length, numbered on; all of them must find room.
  void transmit(std::uint32_t count, std::uint32_t bytes = kShort) {
    for (std::uint32_t i = 0; i < count; ++i) {
      Frame frame = driver->allocate();
      REQUIRE(frame);
      frame.length = bytes;
      std::fill_n(frame.data, bytes, std::uint8_t{0});
      std::copy_n("\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x88\xb5", 14, frame.data);  // an experimental EtherType
      std::memcpy(frame.data + 14, &next_number, sizeof(next_number));
      ++next_number;
      REQUIRE(driver->transmit(frame, kDevice, 0));
    }
  }
  // Everything has left and come back.
  bool settle() {
    const auto deadline = steady_clock::now() + 10s;
    while (driver->ledger().count(Place::tx) != 0 && steady_clock::now() < deadline) {
      driver->flush();
      std::this_thread::sleep_for(1ms);
    }
    return driver->ledger().count(Place::tx) == 0;
  }
  std::uint64_t by_bursts() const { return driver->statistics(kDevice, 0).tx_bursts.value(); }
  std::uint64_t by_rings() const { return driver->statistics(kDevice, 0).tx.value() - by_bursts(); }

  TestNamespace gateway{"bursts-gw"};
  TestNamespace far{"bursts-far"};
  UniqueFd devices{bpf_map_create(BPF_MAP_TYPE_DEVMAP, "devices", 4, 4, DP_DEVICES_MAX, nullptr)};
  std::uint32_t ifindex = 0;
  std::unique_ptr<Driver> driver;
  std::uint32_t next_number = 0;

 private:
  std::unique_ptr<Driver> open_driver() const {
    DriverConfig config;
    config.frames = 8192;
    config.frame_bytes = 4096;
    auto made = Driver::create(config);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().text));
    gateway.inside([&] { REQUIRE((*made)->add_socket({.device = kDevice, .ifindex = ifindex})); });
    return std::move(*made);
  }
};

// The numbers of the frames that arrive, in the order of their arrival.
class Arrivals {
 public:
  explicit Arrivals(const TestNamespace& part)
      : listener_(part, "in0", [this](const test::Heard& heard) {
          if (heard.outgoing || heard.frame.size() < kShort || heard.frame[12] != 0x88 || heard.frame[13] != 0xb5)
            return;
          std::uint32_t number = 0;
          std::memcpy(&number, heard.frame.data() + 14, sizeof(number));
          const std::lock_guard lock(mutex_);
          numbers_.push_back(number);
        }) {}
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return numbers_.size();
  }
  bool wait_for(std::size_t frames) {
    const auto deadline = steady_clock::now() + 10s;
    while (count() < frames && steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    return count() >= frames;
  }
  const std::vector<std::uint32_t>& close() {
    listener_.stop();
    return numbers_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::uint32_t> numbers_;
  test::Listener listener_;
};

// Every number once, in order.
bool complete(const std::vector<std::uint32_t>& numbers, std::uint32_t count) {
  for (std::uint32_t i = 0; i < numbers.size(); ++i)
    if (numbers[i] != i) return false;
  return numbers.size() == count;
}

// A sender whose privileges were taken away.
class BrokenSender final : public BurstSender {
 public:
  std::uint32_t longest_packet() const noexcept override { return 2048; }
  bool put(std::span<const std::uint8_t>, std::uint16_t) noexcept override { return true; }
  bool send() noexcept override { return false; }
};

}  // namespace

TEST_CASE("many frames leave as a burst and few through the ring, and none overtakes another") {
  if (!test::require_root()) return;
  Lab lab;
  lab.send_live();
  Arrivals arrivals{lab.far};
  const std::uint32_t groups[] = {100, 3, 64, 1, 1, 128, 7, 16, 15, 90, 2, 40};
  for (int round = 0; round < 20; ++round) {
    for (const std::uint32_t group : groups) {
      lab.transmit(group);
      lab.driver->flush();
      // the listener must keep up: its queue is no part of what is tested
      while (lab.next_number - arrivals.count() > 200 && lab.driver->ledger().count(Place::tx) != 0)
        lab.driver->flush();
      CHECK(arrivals.wait_for(lab.next_number > 200 ? lab.next_number - 200 : 0));
    }
  }
  CHECK(lab.settle());
  CHECK(arrivals.wait_for(lab.next_number));
  CHECK(complete(arrivals.close(), lab.next_number));
  CHECK(lab.by_bursts() > 0);
  CHECK(lab.by_rings() > 0);
  CHECK(lab.driver->ledger().check());
}

TEST_CASE("a frame too long for a burst takes the frames collected with it through the ring, in order") {
  if (!test::require_root()) return;
  Lab lab;
  lab.send_live();
  Arrivals arrivals{lab.far};
  for (int round = 0; round < 20; ++round) {
    lab.transmit(30);
    lab.transmit(1, kLong);
    lab.transmit(30);
    lab.driver->flush();
    CHECK(lab.settle());
    CHECK(arrivals.wait_for(lab.next_number));
  }
  CHECK(complete(arrivals.close(), lab.next_number));
  CHECK(lab.by_bursts() == 0);
}

TEST_CASE("a port that takes no redirects sends through its ring, however many frames wait") {
  if (!test::require_root()) return;
  Lab lab;
  lab.send_live();
  lab.driver->set_redirects(kDevice, false);
  Arrivals arrivals{lab.far};
  lab.transmit(100);
  CHECK(lab.settle());
  CHECK(arrivals.wait_for(100));
  CHECK(lab.by_bursts() == 0);
}

TEST_CASE("a paced flush leaves through the ring") {
  if (!test::require_root()) return;
  Lab lab;
  lab.send_live();
  Arrivals arrivals{lab.far};
  lab.transmit(100);
  lab.driver->flush_paced();
  CHECK(lab.settle());
  CHECK(arrivals.wait_for(100));
  CHECK(complete(arrivals.close(), 100));
  CHECK(lab.by_bursts() == 0);
}

TEST_CASE("a sender that fails loses nothing: its frames leave through the ring, and it is not asked again") {
  if (!test::require_root()) return;
  Lab lab;
  lab.send_bursts(std::make_unique<BrokenSender>());
  Arrivals arrivals{lab.far};
  lab.transmit(100);
  CHECK(lab.settle());
  CHECK(arrivals.wait_for(100));
  CHECK(complete(arrivals.close(), 100));
  CHECK(lab.by_bursts() == 0);
  CHECK(lab.driver->ledger().check());
}
