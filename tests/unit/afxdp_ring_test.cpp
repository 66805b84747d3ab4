// afxdp_ring_test.cpp - rings and frame memory, with the test playing the kernel's side.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>
#include <deque>
#include <random>

#include "afxdp/driver.hpp"
#include "afxdp/ring.hpp"

using namespace twinpath;
using namespace twinpath::afxdp;

namespace {

struct RingMemory {
  std::uint32_t producer = 0;
  std::uint32_t consumer = 0;
  std::uint32_t flags = 0;
  std::array<std::uint64_t, 8> entries{};

  explicit RingMemory(std::uint32_t start) : producer(start), consumer(start) {}
  RingView view() { return {&producer, &consumer, &flags, entries.data(), 8}; }
};

// Counters run freely: the second start passes 2^32 within the test.
constexpr std::uint32_t kStarts[] = {0, UINT32_MAX - 3, 12345};

}  // namespace

TEST_CASE("a producer ring takes as many entries as its size, and more when the kernel has taken some") {
  for (const std::uint32_t start : kStarts) {
    CAPTURE(start);
    RingMemory memory{start};
    ProducerRing<std::uint64_t> ring{memory.view()};
    REQUIRE(ring.room(1) == 8);
    for (std::uint64_t i = 0; i < 8; ++i) ring.push(i);
    CHECK(ring.room(1) == 0);
    CHECK(memory.producer == start);
    CHECK(ring.undone() == 0);
    ring.publish();
    CHECK(memory.producer == start + 8);
    CHECK(ring.undone() == 8);
    memory.consumer += 3;
    CHECK(ring.undone() == 5);
    CHECK(ring.room(1) == 3);
  }
}

TEST_CASE("entries come out in the order they went in, also when the index wraps") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  for (const std::uint32_t start : kStarts) {
    RingMemory memory{start};
    ProducerRing<std::uint64_t> in{memory.view()};
    ConsumerRing<std::uint64_t> out{memory.view()};
    std::deque<std::uint64_t> twin;
    for (std::uint64_t step = 0; step < 2000; ++step) {
      const auto wanted = static_cast<std::uint32_t>(random() % 9);
      const std::uint32_t count = std::min(wanted, in.room(wanted));
      for (std::uint32_t i = 0; i < count; ++i) {
        in.push(step * 16 + i);
        twin.push_back(step * 16 + i);
      }
      in.publish();
      const std::uint32_t waiting = out.waiting(static_cast<std::uint32_t>(random() % 9));
      REQUIRE(waiting <= twin.size());
      for (std::uint32_t i = 0; i < waiting; ++i) REQUIRE(out.peek(i) == twin[i]);
      twin.erase(twin.begin(), twin.begin() + waiting);
      out.release(waiting);
    }
  }
}

TEST_CASE("the wake-up flag is the kernel's, read anew each time") {
  RingMemory memory{0};
  ProducerRing<std::uint64_t> ring{memory.view()};
  CHECK_FALSE(ring.needs_wakeup());
  memory.flags = XDP_RING_NEED_WAKEUP;
  CHECK(ring.needs_wakeup());
}

TEST_CASE("frame memory places frame n at n times the frame size") {
  for (const std::uint32_t frame_bytes : {2048U, 4096U}) {
    CAPTURE(frame_bytes);
    auto memory = FrameMemory::create(16, frame_bytes);
    REQUIRE(memory);
    CHECK(memory->bytes() == 16U * frame_bytes);
    CHECK(memory->address(3) == 3U * frame_bytes);
    CHECK(memory->frame_at(4U * frame_bytes - 1) == 3);
    CHECK(memory->frame_at(16U * frame_bytes) == kNoFrame);
    CHECK(memory->frame_at(UINT64_MAX) == kNoFrame);
  }
}

TEST_CASE("a packet fits when it lies in one frame") {
  auto memory = FrameMemory::create(4, 2048);
  REQUIRE(memory);
  const struct {
    const char* name;
    std::uint64_t address;
    std::uint32_t length;
    bool want;
  } cases[] = {{"whole frame", 2048, 2048, true},       {"behind the headroom", 256, 1792, true},
               {"one byte too long", 256, 1793, false}, {"empty", 256, 0, false},
               {"last byte of all", 8191, 1, true},     {"behind the end", 8192, 1, false},
               {"absurd length", 0, UINT32_MAX, false}, {"absurd address", UINT64_MAX, 1, false}};
  for (const auto& c : cases) SUBCASE(c.name) CHECK(memory->fits(c.address, c.length) == c.want);
}

TEST_CASE("frame memory is shared through its fd, and cannot be shrunk") {
  auto memory = FrameMemory::create(4, 2048);
  REQUIRE(memory);
  auto other = Mapping::shared(memory->fd(), memory->bytes());
  REQUIRE(other);
  memory->base()[2048] = 0x5a;
  CHECK(other->as<std::uint8_t>()[2048] == 0x5a);
  CHECK(::ftruncate(memory->fd(), 0) == -1);
  CHECK(errno == EPERM);
}

TEST_CASE("sizes and shares that cannot work are refused with a reason") {
  CHECK_FALSE(FrameMemory::create(16, 1024));
  CHECK_FALSE(FrameMemory::create(0, 2048));
  DriverConfig config;
  config.frames = 1024;
  SUBCASE("shares that leave no rest") { config.transmit_share = 0.5; }
  SUBCASE("no share for receive") { config.receive_share = 0; }
  const auto driver = Driver::create(config);
  REQUIRE_FALSE(driver);
  CHECK(driver.error().text.find("share") != std::string::npos);
}

TEST_CASE("a driver without sockets keeps the frames of the engine in its ledger") {
  DriverConfig config;
  config.frames = 1024;
  auto driver = Driver::create(config);
  REQUIRE(driver);
  Driver& io = **driver;
  CHECK(io.receive().empty());

  SUBCASE("allocate stops at the engine's part") {
    std::uint32_t made = 0;
    while (io.allocate()) ++made;
    CHECK(made == io.engine_frames());
    CHECK(io.ledger().count(Place::free) == 1024 - made);
  }
  SUBCASE("a frame that cannot be sent is still the engine's") {
    Frame frame = io.allocate();
    REQUIRE(frame);
    CHECK(frame.data == io.memory().base() + io.memory().address(frame.index) + kFrameHeadroom);
    frame.length = 60;
    CHECK_FALSE(io.transmit(frame, 1, 0));
    CHECK_FALSE(io.transmit(frame, DP_DEVICES_MAX, 0));
    CHECK_FALSE(io.transmit(frame, 1, DP_QUEUES_MAX));
    CHECK(io.statistics(1, 0).tx.value() == 0);
    io.release(frame.index);
    CHECK(io.ledger().count(Place::free) == 1024);
  }
  CHECK(io.ledger().check());
}

TEST_CASE("wake ends a wait, also one that has not begun") {
  DriverConfig config;
  config.frames = 1024;
  SUBCASE("sleeping") {}
  SUBCASE("busy") { config.busy_poll = true; }
  auto driver = Driver::create(config);
  REQUIRE(driver);
  (*driver)->wake();
  CHECK((*driver)->wait(std::chrono::seconds{10}) == Wake::called);
  CHECK((*driver)->wait(std::chrono::milliseconds{1}) != Wake::called);
}
