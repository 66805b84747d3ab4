// checksum.cpp - the Internet checksum.
//
//   checksum/range    sum of all bytes, as for a frame whose checksum a device was to finish
//   checksum/update   of an IPv4 header whose source address changes, as a rewrite does it: no byte is summed. Each
//                     update waits for the one before it

#include <cstring>
#include <numeric>
#include <vector>

#include "bench/micro/families.hpp"
#include "bench/micro/measure.hpp"
#include "common/edit/checksum.h"
#include "harness/packet.hpp"

namespace twinpath::bench {
namespace {

using test::Bytes;

void range(benchmark::State& state) {
  Bytes data(static_cast<std::size_t>(state.range(0)));
  std::iota(data.begin(), data.end(), std::uint8_t{1});
  const std::uint16_t expected = dp_htons(test::internet_checksum(data));
  for (auto _ : state) {
    __u64 sum = 0;
    benchmark::DoNotOptimize(data.data());
    const int whole =
        dp_checksum_range(data.data(), data.data() + data.size(), static_cast<std::uint32_t>(data.size()), &sum);
    if (whole == 0 || static_cast<std::uint16_t>(~dp_checksum_fold(sum)) != expected) {
      state.SkipWithError("a checksum is wrong");
      break;
    }
    benchmark::ClobberMemory();
  }
  report_each(state, 1);
}

void update(benchmark::State& state) {
  constexpr std::size_t kCheckAt = 14 + 10, kSourceAt = 14 + 12, kHeaderEnd = 14 + 20;
  Bytes frame = (test::Eth{} / test::Ipv4{} / test::Udp{}).bytes();
  dp_address now{}, other{};
  std::memcpy(now.word, &frame[kSourceAt], sizeof(now.word[0]));
  other.word[0] = dp_htonl(0xcb0071fe);  // 203.0.113.254
  std::uint16_t check = 0;
  std::memcpy(&check, &frame[kCheckAt], sizeof(check));
  for (auto _ : state) {
    check = dp_checksum_update(check, dp_checksum_fold(dp_checksum_delta_address(&now, &other)));
    benchmark::DoNotOptimize(check);
    std::swap(now, other);
  }
  std::memcpy(&frame[kSourceAt], now.word, sizeof(now.word[0]));
  std::memcpy(&frame[kCheckAt], &check, sizeof(check));
  if (test::internet_checksum(std::span{frame}.subspan(14, kHeaderEnd - 14)) != 0)
    state.SkipWithError("the header's checksum is wrong in the end");
  report_each(state, 1);
}

}  // namespace

void add_checksum() {
  benchmark::RegisterBenchmark("checksum/range", range)->ArgName("bytes")->Arg(64)->Arg(576)->Arg(1500);
  benchmark::RegisterBenchmark("checksum/update", update);
}

}  // namespace twinpath::bench
