// plan.hpp - traffic as the generator's program wants it (bpf/model.h): sums, digits, lanes. Pure.
#pragma once

#include <cstdint>

#include "bench/pktgen/bpf/model.h"
#include "bench/pktgen/generator.hpp"
#include "bench/pktgen/traffic.hpp"

namespace twinpath::pktgen {

// `first` to `first + count - 1`; count 1 to 2^31.
[[nodiscard]] pktgen_digit make_digit(std::uint32_t first, std::uint32_t count);

// Of traffic that check() has passed.
[[nodiscard]] pktgen_plan make_plan(const Traffic& traffic);

// What lane `lane` of `options.threads` begins with.
[[nodiscard]] pktgen_lane make_lane(const GeneratorOptions& options, std::uint32_t lane);

// One's complement sum of bytes as they lie, 16 bits at a time; not folded.
[[nodiscard]] std::uint64_t wire_sum(const std::uint8_t* bytes, std::size_t count);

}  // namespace twinpath::pktgen
