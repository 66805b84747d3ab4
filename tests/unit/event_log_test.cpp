// The log of events, with a ring buffer of the kernel and a program that writes to it.
#include "telemetry/event_log.hpp"

#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <vector>

#include "base/fd.hpp"
#include "harness/double_close.hpp"
#include "harness/namespace.hpp"

using namespace twinpath;
using twinpath::test::double_closes;
using twinpath::test::require_root;

namespace {

// Writes one event of zeros for every run. Instruction by instruction, since it belongs to no object of the gateway.
class EventWriter {
 public:
  EventWriter() : map_(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, 4096, nullptr)) {
    REQUIRE(map_);
    std::vector<bpf_insn> code;
    for (std::int16_t at = -56; at < 0; at += 8) code.push_back({BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, at, 0});
    code.push_back({BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_.get()});
    code.push_back({0, 0, 0, 0, 0});
    code.push_back({BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0});
    code.push_back({BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -56});
    code.push_back({BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, sizeof(dp_event)});
    code.push_back({BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0});
    code.push_back({BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output});
    code.push_back({BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS});
    code.push_back({BPF_JMP | BPF_EXIT, 0, 0, 0, 0});
    program_.reset(bpf_prog_load(BPF_PROG_TYPE_XDP, "write_event", "GPL", code.data(), code.size(), nullptr));
    REQUIRE(program_);
  }
  void write() const {
    std::array<std::uint8_t, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(), .data_size_in = frame.size());
    REQUIRE(bpf_prog_test_run_opts(program_.get(), &run) == 0);
  }
  [[nodiscard]] int map() const { return map_.get(); }

 private:
  UniqueFd map_;
  UniqueFd program_;
};

}  // namespace

TEST_CASE("events that come faster than they are logged leave the thread time for other work") {
  if (!require_root()) return;
  constexpr int kFlood = 20'000;
  const EventWriter writer;
  boost::asio::io_context io;
  const TableImage image;
  int lines = 0;
  auto log = EventLog::open(io, writer.map(), image, [&](const std::string&) {
    if (++lines < kFlood) writer.write();
  });
  REQUIRE(log);
  int lines_at_turn = 0;
  int most_in_a_row = 0;
  const auto take_turn = [&] {
    most_in_a_row = std::max(most_in_a_row, lines - lines_at_turn);
    lines_at_turn = lines;
  };
  const std::function<void()> other_work = [&] {
    take_turn();
    boost::asio::post(io, other_work);
  };
  other_work();
  writer.write();
  writer.write();  // one always waits
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (lines < kFlood + 1 && std::chrono::steady_clock::now() < end) io.run_one();
  take_turn();
  CHECK(most_in_a_row <= static_cast<int>(kEventBatch));
  CHECK(lines == kFlood + 1);  // none was left behind between two batches
}

TEST_CASE("the log closes no descriptor twice") {
  if (!require_root()) return;
  const EventWriter writer;
  boost::asio::io_context io;
  const TableImage image;
  double_closes = 0;
  {
    auto log = EventLog::open(io, writer.map(), image, [](const std::string&) {});
    REQUIRE(log);
  }
  CHECK(double_closes == 0);
}
