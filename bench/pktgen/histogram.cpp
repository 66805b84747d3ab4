#include "bench/pktgen/histogram.hpp"

#include <algorithm>
#include <cmath>

#include "bench/pktgen/bpf/model.h"

namespace twinpath::pktgen {
namespace {

// The values of a bucket: the inverse of pktgen_bucket.
struct Range {
  std::uint64_t first;
  std::uint64_t width;
};

Range range_of(std::size_t bucket) {
  if (bucket < PKTGEN_BUCKETS_PER_DOUBLING) return {bucket, 1};
  const std::size_t doubling = (bucket >> PKTGEN_BUCKET_BITS) - 1;
  const std::uint64_t step = PKTGEN_BUCKETS_PER_DOUBLING + bucket % PKTGEN_BUCKETS_PER_DOUBLING;
  return {step << doubling, std::uint64_t{1} << doubling};
}

// Where the `rank`-th of `count` values of a bucket lies if they are spread evenly.
std::uint64_t place_in(const Range& range, std::uint64_t rank, std::uint64_t count) {
  const double share = (static_cast<double>(rank) - 0.5) / static_cast<double>(count);
  return range.first + static_cast<std::uint64_t>(static_cast<double>(range.width) * share);
}

}  // namespace

Histogram::Histogram() : buckets_(PKTGEN_BUCKETS) {}

void Histogram::add(std::uint64_t value) {
  ++buckets_[pktgen_bucket(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::add_buckets(std::span<const __u64> buckets, std::uint64_t max) {
  for (std::size_t i = 0; i < std::min(buckets.size(), buckets_.size()); ++i) {
    buckets_[i] += buckets[i];
    count_ += buckets[i];
  }
  max_ = std::max(max_, max);
}

std::uint64_t Histogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] != 0 && passed + buckets_[i] >= rank)
      return std::min(place_in(range_of(i), rank - passed, buckets_[i]), max_);
    passed += buckets_[i];
  }
  return max_;
}

Histogram Histogram::operator-(const Histogram& earlier) const {
  Histogram rest = *this;
  for (std::size_t i = 0; i < buckets_.size(); ++i) rest.buckets_[i] -= earlier.buckets_[i];
  rest.count_ -= earlier.count_;
  return rest;
}

}  // namespace twinpath::pktgen
