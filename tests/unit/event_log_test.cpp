// The log of events, with a ring buffer of the kernel and a program that writes to it.
#include "telemetry/event_log.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cmath>
#include <ctime>
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
    for (std::int16_t at = -64; at < 0; at += 8) code.push_back({BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, at, 0});
    code.push_back({BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_.get()});
    code.push_back({0, 0, 0, 0, 0});
    code.push_back({BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0});
    code.push_back({BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -64});
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
  [[nodiscard]] EventLog::Maps maps() const { return {map_.get(), counts_.get()}; }
  // As if the kernel had counted this.
  void count(std::uint32_t rule, const dp_log_counters& counters) const {
    std::vector<dp_log_counters> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    values[0] = counters;
    REQUIRE(bpf_map_update_elem(counts_.get(), &rule, values.data(), BPF_ANY) == 0);
  }

 private:
  UniqueFd map_;
  UniqueFd counts_{
      bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "log_counts", sizeof(__u32), sizeof(dp_log_counters), 8, nullptr)};
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
  auto log = EventLog::open(io, writer.maps(), image, [&](auto, const std::string&) {
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
    auto log = EventLog::open(io, writer.maps(), image, [](auto, const std::string&) {});
    REQUIRE(log);
  }
  CHECK(double_closes == 0);
}

TEST_CASE("what was not logged is told once, for each rule that says log") {
  if (!require_root()) return;
  const EventWriter writer;
  boost::asio::io_context io;
  TableImage image;
  image.rule_names = {"", "quiet", "loud"};
  dp_rule loud{};
  loud.id = 2;
  loud.flags = DP_RULE_LOG;
  image.rules = {loud, loud};  // one rule of the operator, compiled to two
  writer.count(2, {5, 5});     // of a time before
  std::vector<std::string> lines;
  auto log = EventLog::open(io, writer.maps(), image, [&](auto, const std::string& line) { lines.push_back(line); });
  REQUIRE(log);
  (*log)->tell_unlogged();
  CHECK(lines.empty());
  writer.count(1, {7, 7});
  writer.count(2, {1005, 8});
  (*log)->tell_unlogged();
  CHECK(lines == std::vector<std::string>{"rule loud: 1000 more packets, not logged",
                                          "rule loud: 3 events lost, since they came faster than they were read"});
  lines.clear();
  (*log)->tell_unlogged();
  CHECK(lines.empty());
  writer.count(2, {3, 0});  // the number has begun anew
  (*log)->tell_unlogged();
  CHECK(lines.empty());
}

TEST_CASE("an event has the time of its packet, not that of the line") {
  if (!require_root()) return;
  const EventWriter writer;
  boost::asio::io_context io;
  const TableImage image;
  std::chrono::system_clock::time_point time;
  auto log = EventLog::open(io, writer.maps(), image, [&](auto at, const std::string&) { time = at; });
  REQUIRE(log);
  writer.write();  // its time is 0: the boot
  io.run_one();
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto boot = std::chrono::system_clock::now() - std::chrono::seconds{since_boot.tv_sec};
  CHECK(std::abs(std::chrono::duration<double>(time - boot).count()) < 2.0);
}
