// The control side's tables of devices: a place in `ingress` for each, found by the lookup of the kernel datapath, and a
// range of sockets.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "control/ports/ingress_slots.hpp"
#include "control/ports/socket_ranges.hpp"

using namespace twinpath;

namespace {

constexpr std::uint16_t kDevices = DP_DEVICES_MAX - 1;

class Ingress {
 public:
  [[nodiscard]] Status enter(std::uint32_t ifindex, std::uint16_t device, std::uint16_t port) {
    return enter_ingress(slots_, ifindex, device, port);
  }
  void leave(std::uint16_t device) {
    for (dp_ingress& slot : slots_)
      if (slot.device == device) leave_ingress(slot);
  }
  // As bpf/xdp/shell_xdp.bpf.h asks: the device of a frame, and the port when it has no tag.
  [[nodiscard]] std::uint16_t device_of(std::uint32_t ifindex) const {
    const dp_ingress* slot = dp_ingress_find(slots_.data(), ifindex);
    return slot != nullptr ? slot->device : 0;
  }
  [[nodiscard]] std::uint16_t port_of(std::uint32_t ifindex) const {
    const dp_ingress* slot = dp_ingress_find(slots_.data(), ifindex);
    return slot != nullptr ? slot->port : 0;
  }

 private:
  std::vector<dp_ingress> slots_ = std::vector<dp_ingress>(DP_INGRESS_SLOTS);
};

}  // namespace

TEST_CASE("as many devices as there are numbers are found, each with its port") {
  std::uint32_t first = 1;
  SUBCASE("numbered from the start") {}
  SUBCASE("numbered over the end of the slots") { first = 5 * DP_INGRESS_SLOTS - 100; }
  SUBCASE("numbered over the end of the numbers") { first = UINT32_MAX - kDevices; }
  Ingress ingress;
  for (std::uint16_t i = 0; i < kDevices; ++i)
    REQUIRE(ingress.enter(first + i, static_cast<std::uint16_t>(i + 1), static_cast<std::uint16_t>(kDevices - i)));
  for (std::uint16_t i = 0; i < kDevices; ++i) {
    CHECK(ingress.device_of(first + i) == i + 1);
    CHECK(ingress.port_of(first + i) == kDevices - i);
  }
  CHECK(ingress.device_of(first + kDevices) == 0);
}

TEST_CASE("1,024 devices with gaps between their numbers are found, and those that come and go") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  Ingress ingress;
  std::uint32_t next = 1;
  std::vector<std::uint32_t> ifindexes(1024);
  const auto open = [&](std::uint16_t at) {
    next += 1 + random() % 4;  // others make devices, too
    ifindexes[at] = next;
    REQUIRE(ingress.enter(next, static_cast<std::uint16_t>(at + 1), static_cast<std::uint16_t>(at + 1001)));
  };
  for (std::uint16_t at = 0; at < ifindexes.size(); ++at) open(at);
  for (std::uint16_t at = 0; at < ifindexes.size(); at += 2) {
    ingress.leave(static_cast<std::uint16_t>(at + 1));
    CHECK(ingress.device_of(ifindexes[at]) == 0);
    open(at);
  }
  for (std::uint16_t at = 0; at < ifindexes.size(); ++at) {
    CHECK(ingress.device_of(ifindexes[at]) == at + 1);
    CHECK(ingress.port_of(ifindexes[at]) == at + 1001);
  }
}

TEST_CASE("a device that finds no place is refused by its number, and takes the place of one that goes") {
  Ingress ingress;
  for (std::uint16_t i = 0; i < DP_INGRESS_PROBES; ++i)
    REQUIRE(ingress.enter(7 + i * DP_INGRESS_SLOTS, static_cast<std::uint16_t>(i + 1), 1));
  const std::uint32_t last = 7 + DP_INGRESS_PROBES * DP_INGRESS_SLOTS;
  const Status refused = ingress.enter(last, 99, 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find(std::to_string(last)) != std::string::npos);
  ingress.leave(3);
  CHECK(ingress.enter(last, 99, 1));
  CHECK(ingress.device_of(last) == 99);
  CHECK(ingress.device_of(7 + 7 * DP_INGRESS_SLOTS) == 8);  // behind the one that went
  CHECK(ingress.enter(last, 98, 2));                        // written again: the same slot
  CHECK(ingress.device_of(last) == 98);
}

TEST_CASE("a device can have no untagged port, and is a device all the same") {
  Ingress ingress;
  REQUIRE(ingress.enter(5, 40, 0));
  CHECK(ingress.device_of(5) == 40);
  CHECK(ingress.port_of(5) == 0);
}

TEST_CASE("ranges of sockets never overlap, and all of them come back") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  SocketRanges ranges;
  std::vector<SocketRange> held;
  std::vector<bool> taken(DP_SOCKETS_MAX);
  const auto mark = [&](const SocketRange& range, bool value) {
    for (std::uint32_t i = range.first; i < std::uint32_t{range.first} + range.count; ++i) {
      REQUIRE(taken.at(i) != value);
      taken.at(i) = value;
    }
  };
  for (int step = 0; step < 20000; ++step) {
    if (!held.empty() && random() % 3 == 0) {
      std::swap(held[random() % held.size()], held.back());
      mark(held.back(), false);
      ranges.give_back(held.back());
      held.pop_back();
    } else if (const auto range = ranges.take(1 + random() % DP_QUEUES_MAX)) {
      mark(*range, true);
      held.push_back(*range);
    }
  }
  CHECK(held.size() > 60);
  for (const SocketRange& range : held) ranges.give_back(range);
  const auto all = ranges.take(DP_SOCKETS_MAX);
  REQUIRE(all);
  CHECK_FALSE(ranges.take(1));
}

TEST_CASE("2,047 devices of two queues have their sockets") {
  SocketRanges ranges;
  for (std::uint16_t i = 0; i < kDevices; ++i) REQUIRE(ranges.take(2));
}
