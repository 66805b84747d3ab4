#include "bench/pktgen/lane.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>

namespace twinpath::pktgen {
namespace {

using std::chrono::steady_clock;

// A call costs 15 us before its first packet: lost in so many, and yet over within some 10 ms.
constexpr std::uint32_t kPacketsPerCall = 32768;
constexpr std::uint32_t kBurstMax = 256;
constexpr double kCallsPerSecond = 2000;

Status pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return fail(errno, "pin a generator thread to CPU {}", cpu);
  return {};
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

}  // namespace

std::uint32_t burst_for(double rate_pps) {
  return static_cast<std::uint32_t>(std::clamp(std::floor(rate_pps / kCallsPerSecond), 1.0, double{kBurstMax}));
}

Lane::Lane(int program, int cpu, std::uint32_t frame_bytes, const LanePace& pace)
    : program_(program),
      cpu_(cpu),
      pace_(pace),
      frame_(frame_bytes),
      started_(steady_clock::now()),
      ended_(started_),
      thread_([this] { run(); }) {}

Lane::~Lane() {
  ask_to_stop();
  static_cast<void>(join());
}

Status Lane::join() {
  if (thread_.joinable()) thread_.join();
  return failure_;
}

LaneUse Lane::use() const { return {calls_, static_cast<double>(cpu_us_) * 1e-6, ended_}; }

void Lane::run() {
  failure_ = pin_to(cpu_);
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // sleep to the microsecond, not to the next 50
  if (failure_) failure_ = send_all();
  running_ = false;
}

Status Lane::send_all() {
  const bool paced = pace_.rate_pps > 0;
  const std::uint32_t burst = !paced ? kPacketsPerCall : pace_.burst ? pace_.burst : burst_for(pace_.rate_pps);
  for (std::uint64_t sent = 0; sent < pace_.packet_count && !stopping_;) {
    if (paced) wait_until_due(sent);
    const auto packets = static_cast<std::uint32_t>(std::min<std::uint64_t>(burst, pace_.packet_count - sent));
    if (auto done = send(packets); !done) return done;
    sent += packets;
    note_use();
  }
  return {};
}

void Lane::wait_until_due(std::uint64_t sent) const {
  using namespace std::chrono;
  const auto due = started_ + nanoseconds{static_cast<std::int64_t>(static_cast<double>(sent) / pace_.rate_pps * 1e9)};
  // In pieces, so that a slow rate does not delay stopping.
  while (!stopping_ && steady_clock::now() < due) {
    const auto next = std::min(due, steady_clock::now() + milliseconds{50}).time_since_epoch();
    const auto whole = duration_cast<seconds>(next);
    const timespec until{static_cast<time_t>(whole.count()),
                         static_cast<long>(duration_cast<nanoseconds>(next - whole).count())};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
}

Status Lane::send(std::uint32_t packets) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame_.data(),
              .data_size_in = static_cast<std::uint32_t>(frame_.size()), .repeat = static_cast<int>(packets),
              .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = std::min(pace_.batch, packets));
  const int error = bpf_prog_test_run_opts(program_, &options);
  // A signal cuts a call short; so does a lack of pages.
  if (error != 0 && error != -EINTR && error != -EAGAIN && error != -ENOMEM)
    return fail(-error, "run the generator's program");
  return {};
}

void Lane::note_use() {
  rusage use{};
  ::getrusage(RUSAGE_THREAD, &use);
  cpu_us_ = microseconds(use.ru_utime) + microseconds(use.ru_stime);
  ended_ = steady_clock::now();
  ++calls_;
}

}  // namespace twinpath::pktgen
