#include "common/flow/traffic.h"

#include <doctest/doctest.h>

#include <thread>
#include <utility>
#include <vector>

namespace {

struct Amount {
  __u64 packets = 0;
  __u64 bytes = 0;
};

// One half's counters: a word of its entry and one of its cold element.
struct Half {
  __u64 recent = 0;
  __u32 carried = 0;

  void add(__u64 packets, __u64 bytes) {
    if (const __u64 changed = dp_traffic_add(&recent, packets, bytes)) dp_traffic_carry(&carried, changed);
  }
  [[nodiscard]] Amount read() const {
    Amount amount;
    dp_traffic_read(&recent, &carried, &amount.packets, &amount.bytes);
    return amount;
  }
};

// As if this had been counted one by one.
Half after(__u64 packets, __u64 bytes) {
  const __u64 packet_unit = 1ULL << (63 - DP_TRAFFIC_BYTE_BITS), byte_unit = 1ULL << (DP_TRAFFIC_BYTE_BITS - 1);
  Half half;
  const __u64 upper = packets + (bytes >> DP_TRAFFIC_BYTE_BITS);
  half.recent = packets * DP_TRAFFIC_PACKET + bytes;
  half.carried = static_cast<__u32>(upper / packet_unit << DP_TRAFFIC_CARRIED_BYTE_BITS | bytes / byte_unit);
  return half;
}

}  // namespace

TEST_CASE("packets and bytes are counted in one word") {
  Half half;
  half.add(1, 60);
  half.add(1, 1514);
  CHECK(half.read().packets == 2);
  CHECK(half.read().bytes == 1574);
  CHECK(half.carried == 0);
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
      {"as much as a 10 Gbit/s port carries in 40 days", 3ULL << 40, (1ULL << 52) - (1ULL << 40)},
      {"as much as a half can count", (1ULL << 42) - 5000, (1ULL << 52) - 400},
  };
  for (const auto& c : cases) {
    SUBCASE(c.name) {
      Half half = after(c.packets, c.bytes);
      for (__u64 sent = 0; sent <= 3; ++sent) {
        CHECK(half.read().packets == c.packets + sent);
        CHECK(half.read().bytes == c.bytes + sent * 100);
        half.add(1, 100);
      }
    }
  }
}

TEST_CASE("a reader sees the same before, while and after a carry is on its way, however long that takes") {
  struct {
    const char* name;
    __u64 packets;
    __u64 bytes;
  } const cases[] = {
      {"packets", (1ULL << 23) - 1, 4711},
      {"bytes", 4711, (1ULL << 39) - 100},
      {"both", (1ULL << 23) - 1, (1ULL << 39) - 100},
      {"bytes that reach the upper field", 4711, (1ULL << 40) - 100},
      {"both, the second time", (1ULL << 24) - 2, (1ULL << 40) - 100},
      {"the upper field by its own and by the lower", (1ULL << 23) - 3, (1ULL << 40) - 100},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    Half half = after(c.packets, c.bytes);
    __u64 changed = dp_traffic_add(&half.recent, 1, 100);  // this writer is interrupted before it carries
    REQUIRE(changed != 0);
    for (__u64 later = 0; later < 1000; ++later) {
      CHECK(half.read().packets == c.packets + 1 + later);
      CHECK(half.read().bytes == c.bytes + 100 + later * 60);
      const __u64 other = dp_traffic_add(&half.recent, 1, 60);
      CHECK((other & changed) == 0);
      changed |= other;
    }
    dp_traffic_carry(&half.carried, changed);
    CHECK(half.read().packets == c.packets + 1001);
    CHECK(half.read().bytes == c.bytes + 100 + 60000);
  }
}

TEST_CASE("any counts are read as they were added, with and without carries on their way") {
  Half half;
  Amount sum;
  __u64 pending = 0;
  __u32 dice = 1;
  for (int i = 0; i < 200'000; ++i) {
    dice = dice * 1664525 + 1013904223;
    const __u64 packets = dice >> 11;                   // below 2^21
    const __u64 bytes = static_cast<__u64>(dice) << 1;  // below 2^33
    const __u64 changed = dp_traffic_add(&half.recent, packets, bytes);
    sum = {sum.packets + packets, sum.bytes + bytes};
    // no field carries twice before an earlier carry has arrived
    if (changed & pending) FAIL("a carry that waits too long");
    pending |= changed;
    REQUIRE(half.read().packets == sum.packets);
    REQUIRE(half.read().bytes == sum.bytes);
    if (i % 2 == 0) dp_traffic_carry(&half.carried, std::exchange(pending, 0));
  }
}

TEST_CASE(
    "writers on several threads lose nothing while fields are carried, and a reader never sees less than before") {
  constexpr __u64 kEach = 6'000'000;  // three threads reach 2^23 packets twice
  constexpr __u32 kBytes = 65535;     // and 2^39 bytes twice
  Half half;
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&] {
      for (__u64 sent = 0; sent < kEach; ++sent) half.add(1, kBytes);
    });
  Amount before;
  bool fell = false;
  while (before.packets < 2 * kEach) {
    const Amount now = half.read();
    fell = fell || now.packets < before.packets || now.bytes < before.bytes;
    before = now;
  }
  for (std::thread& writer : writers) writer.join();
  CHECK_FALSE(fell);
  CHECK(half.read().packets == 3 * kEach);
  CHECK(half.read().bytes == 3 * kEach * kBytes);
}
