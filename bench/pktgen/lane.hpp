// lane.hpp - one thread of the generator: calls the program again and again, at a rate or without pause.
//
// Thread    made by the constructor and pinned to its CPU; ask_to_stop(), running() and use() from any other.
// Stopping  a call takes at most some tens of milliseconds, so no signal is needed to end it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/result.hpp"

namespace twinpath::pktgen {

struct LanePace {
  double rate_pps = 0;  // 0: without pause
  std::uint64_t packet_count = 0;
  std::uint32_t burst = 0;  // packets per call at a rate; 0: chosen
  std::uint32_t batch = 64;
};

struct LaneUse {
  std::uint64_t calls = 0;
  double cpu_seconds = 0;
  std::chrono::steady_clock::time_point ended;  // of the last call
};

// Packets per call at a rate: calls half a millisecond apart, so that a burst stays shorter than the queues it meets.
[[nodiscard]] std::uint32_t burst_for(double rate_pps);

class Lane {
 public:
  // `program` stays open until the lane is gone.
  Lane(int program, int cpu, std::uint32_t frame_bytes, const LanePace& pace);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void ask_to_stop() { stopping_ = true; }
  [[nodiscard]] bool running() const { return running_; }
  // Waits for the thread; says why it failed.
  [[nodiscard]] Status join();
  [[nodiscard]] LaneUse use() const;

 private:
  void run();
  [[nodiscard]] Status send_all();
  [[nodiscard]] Status send(std::uint32_t packets);
  void wait_until_due(std::uint64_t sent) const;
  void note_use();

  int program_;
  int cpu_;
  LanePace pace_;
  std::vector<std::uint8_t> frame_;  // what pages hold at first; all zeros
  std::chrono::steady_clock::time_point started_;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> running_{true};
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> cpu_us_{0};
  std::atomic<std::chrono::steady_clock::time_point> ended_;
  Status failure_;  // written by the thread, read after join
  std::thread thread_;
};

}  // namespace twinpath::pktgen
