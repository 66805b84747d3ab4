// sink.hpp - takes the generator's packets at the far end, counts and checks them, and can answer.
//
//   auto sink = Sink::open({.device = "s0", .netns = "far", .traffic = traffic});
//   SinkResult before = sink->result();  ...  SinkResult during = sink->result() - before;
//
// How       an XDP program, native where the device can, counting in per-CPU maps. Ours is what has the traffic's family,
//           protocol and magic (without stamps: family and protocol); everything else goes to Linux, so ARP and ND work.
// Order     per flow, by the sequence number in the payload; for the flows numbered below `watched_flows`, so that a
//           million flows do not cost a cache miss each.
// Clock     latency is the difference of two readings of the kernel's monotonic clock on one machine.
// Left      nothing: the program leaves the device with the object, or with the process.
// Threads   any one at a time. result() reads counters that go on; it is exact once nothing arrives.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "bench/pktgen/histogram.hpp"
#include "bench/pktgen/traffic.hpp"

namespace twinpath::pktgen {

struct SinkOptions {
  std::string device{};
  std::string netns{};           // name below /run/netns, or a path; empty: the caller's
  Traffic traffic{};             // family, protocol, stamps and magic are looked at
  bool reply = false;            // swap addresses and ports and send back by the same device; else drop
  bool expects_replies = false;  // takes what another sink sent back: the complement of the magic
  bool check_order = true;
  std::uint32_t watched_flows = 65536;  // 1 to 4 million
  std::uint32_t checksum_every = 64;    // a power of two; 1 verifies every packet, 0 none
  bool measure_latency = true;
  bool allow_generic = true;  // fall back to generic XDP where the device has no native one
};

struct SinkResult {
  std::uint64_t received = 0;  // ours
  std::uint64_t bytes = 0;     // of them, on the wire
  std::uint64_t foreign = 0;   // not ours, left to Linux
  std::uint64_t order_checked = 0;
  std::uint64_t reordered = 0;   // a lower sequence number than one before it of the same flow
  std::uint64_t duplicated = 0;  // the same number again
  std::uint64_t checksums_checked = 0;
  std::uint64_t bad_ip_checksums = 0;
  std::uint64_t bad_l4_checksums = 0;
  std::uint64_t replied = 0;
  Histogram latency;  // ns; of a sink that expects replies: the round trip

  // What came between an earlier result and this one. The maximum of the latency is that of the whole time.
  [[nodiscard]] SinkResult operator-(const SinkResult& earlier) const;
};

class Sink {
 public:
  [[nodiscard]] static Result<Sink> open(const SinkOptions& options);
  Sink(Sink&&) noexcept;
  Sink& operator=(Sink&&) noexcept;
  ~Sink();

  [[nodiscard]] SinkResult result() const;
  // How many of the watched flows have been seen. Reads the whole table.
  [[nodiscard]] std::uint64_t flows_seen() const;
  // Waits until nothing has arrived for `quiet`, at most `limit`; false when it still arrives.
  bool wait_quiet(std::chrono::milliseconds quiet = std::chrono::milliseconds{100},
                  std::chrono::milliseconds limit = std::chrono::milliseconds{5000}) const;
  [[nodiscard]] bool native() const;

 private:
  struct Parts;
  explicit Sink(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinpath::pktgen
