// histogram.hpp - how often each latency was seen, in log-linear buckets (bpf/model.h).
//
// Precision   64 buckets per doubling. A quantile lies in its bucket as if the bucket's values were spread evenly: at most
//             1.6 % off, and much less where there are many. The maximum is exact.
// Units       nanoseconds, up to 2^41 (36 minutes); what is longer counts as that.
#pragma once

#include <linux/types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace twinpath::pktgen {

class Histogram {
 public:
  Histogram();

  void add(std::uint64_t value);
  // Adds what the kernel has counted on one CPU.
  void add_buckets(std::span<const __u64> buckets, std::uint64_t max);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The value below which the share `q` of all lies, 0 < q <= 1; 0 when nothing was counted.
  [[nodiscard]] std::uint64_t quantile(double q) const;
  [[nodiscard]] std::uint64_t max() const { return max_; }
  // Without what `earlier`, an older state of this one, holds; the maximum stays.
  [[nodiscard]] Histogram operator-(const Histogram& earlier) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace twinpath::pktgen
