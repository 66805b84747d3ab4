#include "common/flow/traffic.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace {

struct Amount {
  __u64 packets = 0;
  __u64 bytes = 0;
};

Amount read(const dp_flow_traffic& traffic, bool bytes_high_counts = true) {
  Amount amount;
  dp_traffic_read(&traffic, bytes_high_counts ? 1 : 0, &amount.packets, &amount.bytes);
  return amount;
}

// As if this had been counted one by one.
dp_flow_traffic after(__u64 packets, __u64 bytes) {
  const __u64 packet_unit = 1ULL << (63 - DP_TRAFFIC_BYTE_BITS), byte_unit = 1ULL << (DP_TRAFFIC_BYTE_BITS - 1);
  dp_flow_traffic traffic{};
  traffic.recent = packets % packet_unit * DP_TRAFFIC_PACKET + bytes % byte_unit;
  traffic.packets_high = static_cast<__u32>(packets / packet_unit);
  traffic.bytes_high = static_cast<__u32>(bytes / byte_unit);
  return traffic;
}

}  // namespace

TEST_CASE("packets and bytes are counted in one word") {
  dp_flow_traffic traffic{};
  dp_traffic_add(&traffic, 1, 60);
  dp_traffic_add(&traffic, 1, 1514);
  CHECK(read(traffic).packets == 2);
  CHECK(read(traffic).bytes == 1574);
  CHECK(traffic.packets_high == 0);
  CHECK(traffic.bytes_high == 0);
}

TEST_CASE("no count is lost where a field of the word is full") {
  struct {
    const char* name;
    __u64 packets;
    __u64 bytes;
  } const cases[] = {
      {"neither", 1000, 60000},
      {"packets reach 2^23", (1ULL << 23) - 1, 4711},
      {"bytes reach 2^39", 4711, (1ULL << 39) - 100},
      {"both at once", (1ULL << 23) - 1, (1ULL << 39) - 100},
      {"both again, much later", (5ULL << 23) - 1, (7ULL << 39) - 100},
      {"as much as a 400 Gbit/s port carries in a year", 40ULL << 40, 1ULL << 60},
  };
  for (const auto& c : cases) {
    SUBCASE(c.name) {
      dp_flow_traffic traffic = after(c.packets, c.bytes);
      for (__u64 sent = 0; sent <= 3; ++sent) {
        CHECK(read(traffic).packets == c.packets + sent);
        CHECK(read(traffic).bytes == c.bytes + sent * 100);
        CHECK((traffic.recent & DP_TRAFFIC_CARRIES) == 0);
        dp_traffic_add(&traffic, 1, 100);
      }
    }
  }
}

TEST_CASE("a sequence number in the high word is not taken for bytes") {
  dp_flow_traffic traffic{};
  dp_traffic_add(&traffic, 1, 60);
  traffic.bytes_high = 0xdeadbeef;
  CHECK(read(traffic, false).bytes == 60);
  CHECK(read(traffic, false).packets == 1);
}

TEST_CASE(
    "writers on several threads lose nothing while fields are carried, and a reader never sees less than before") {
  constexpr __u64 kEach = 6'000'000;  // three threads reach 2^23 packets twice
  constexpr __u32 kBytes = 65535;     // and 2^39 bytes twice
  dp_flow_traffic traffic{};
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&] {
      for (__u64 sent = 0; sent < kEach; ++sent) dp_traffic_add(&traffic, 1, kBytes);
    });
  Amount before;
  bool fell = false;
  while (before.packets < 2 * kEach) {
    const Amount now = read(traffic);
    fell = fell || now.packets < before.packets || now.bytes < before.bytes;
    before = now;
  }
  for (std::thread& writer : writers) writer.join();
  CHECK_FALSE(fell);
  CHECK(read(traffic).packets == 3 * kEach);
  CHECK(read(traffic).bytes == 3 * kEach * kBytes);
}
