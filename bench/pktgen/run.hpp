// run.hpp - one measurement: sinks up, generator on, generator off, what is still under way let in, and the sums.
//
//   RunOptions options{.generator = {...}, .sink_device = "s0", .sink_netns = "far"};
//   Result<Report> report = measure(options);
//
// Replies   the sink turns every packet round; a second sink on the generator's device takes them.
// Truth     is what a sink received. `sent` counts what the generator's program wrote.
// Threads   blocks its caller; `stop` may be set by any other, or by a signal handler.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "bench/pktgen/generator.hpp"
#include "bench/pktgen/sink.hpp"

namespace twinpath::pktgen {

struct RunOptions {
  GeneratorOptions generator{};  // a destination MAC of zeros: that of the sink's device
  std::string sink_device{};     // empty: no sink; the generator's own count is all there is
  std::string sink_netns{};
  bool replies = false;
  double seconds = 10;
  double warmup_seconds = 0;  // sent before the measured time; part of the totals, not of rates and latency
  std::uint32_t watched_flows = 65536;
  std::uint32_t checksum_every = 64;
  bool check_order = true;
  bool measure_latency = true;
};

// What one sink saw.
struct SinkReport {
  SinkResult total;     // of the whole run
  SinkResult measured;  // of the measured time
  double pps = 0;       // of the measured time
  double bits_per_second = 0;
  std::uint64_t flows_seen = 0;  // of the watched ones
  bool native = true;
};

struct Report {
  GeneratorResult generator;
  double measured_seconds = 0;
  double sent_pps = 0;  // of the measured time
  std::optional<SinkReport> sink;
  std::optional<SinkReport> replies;
  // Neither dropped by the generator's device nor received; negative when something doubles packets.
  std::int64_t lost = 0;
  std::int64_t replies_lost = 0;  // sent back, and not received
};

[[nodiscard]] Result<Report> measure(const RunOptions& options, const std::atomic<bool>* stop = nullptr);

// What sends while sinks watch: twinpath's generator, or Linux's (kernel_pktgen.hpp). Calls as those of Generator.
class Sender {
 public:
  virtual ~Sender() = default;
  [[nodiscard]] virtual Status start() = 0;
  [[nodiscard]] virtual bool running() const = 0;
  virtual Status stop() = 0;
  [[nodiscard]] virtual GeneratorResult result() const = 0;
};

// `options` with MAC addresses filled in from the devices.
[[nodiscard]] Result<RunOptions> with_addresses(RunOptions options);
// The same measurement with another sender. `options` has its addresses.
[[nodiscard]] Result<Report> measure_with(Sender& sender, const RunOptions& options, const std::atomic<bool>* stop);

}  // namespace twinpath::pktgen
