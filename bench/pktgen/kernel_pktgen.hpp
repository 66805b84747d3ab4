// kernel_pktgen.hpp - Linux's own pktgen, told by the same options.
//
// How       words written to files below /proc/net/pktgen: pgctrl for all, kpktgend_N for the thread of CPU N, and one file
//           per device and queue, "eth0@1". Source: Documentation/networking/pktgen.rst.
// Cannot    TCP, new flows, our stamps (so no order and no latency), a source address range in IPv6.
// Flows     pktgen steps source address and source port with every packet, each by itself. So many five-tuples as were
//           asked for come only from numbers of ports and addresses without a common factor: above 64,512 flows a few
//           less than asked for.
// Threads   start() to result() belong to one; the write that starts pktgen blocks until it ends, on a thread inside.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "bench/pktgen/run.hpp"

namespace twinpath::pktgen {

// Not /proc/net, which is the main thread's namespace whichever thread asks.
inline constexpr const char* kPktgenFolder = "/proc/thread-self/net/pktgen";

struct PktgenWord {
  std::string file;  // below the folder
  std::string text;
  bool operator==(const PktgenWord&) const = default;
};

// How many ports and addresses give `flows` five-tuples, or as near below as can be, when both step together.
struct FlowSplit {
  std::uint32_t ports = 1;
  std::uint32_t addresses = 1;
};
[[nodiscard]] FlowSplit split_flows(std::uint32_t flows, std::uint32_t ports_max, std::uint32_t addresses_max);

// Says what of the options Linux's pktgen cannot do.
[[nodiscard]] Status kernel_can(const RunOptions& options);
// The options as they are for it: without stamps.
[[nodiscard]] RunOptions for_kernel(RunOptions options);

// All that is written before "start", in order. Pure. MAC addresses are filled in.
[[nodiscard]] std::vector<PktgenWord> configuration(const GeneratorOptions& options);

class KernelPktgen : public Sender {
 public:
  KernelPktgen(GeneratorOptions options, std::string folder)
      : options_(std::move(options)), folder_(std::move(folder)) {}
  // Stops it and takes the devices off its threads.
  ~KernelPktgen() override;
  KernelPktgen(const KernelPktgen&) = delete;
  KernelPktgen& operator=(const KernelPktgen&) = delete;

  [[nodiscard]] Status start() override;
  [[nodiscard]] bool running() const override { return running_; }
  Status stop() override;
  // `sent`, `bytes` and `seconds` only.
  [[nodiscard]] GeneratorResult result() const override;

 private:
  [[nodiscard]] Status write(const PktgenWord& word) const;

  GeneratorOptions options_;
  std::string folder_;
  std::chrono::steady_clock::time_point started_;
  std::atomic<bool> running_{false};
  Status failure_;  // of the thread; read after join
  std::thread thread_;
};

}  // namespace twinpath::pktgen
