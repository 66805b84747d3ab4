// counters.hpp - what the engine counted. Written by the engine's thread, read by any other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/model/counters.h"
#include "common/model/limits.h"
#include "common/model/verdict.h"

namespace twinpath {

// One writer, so no locked instruction is needed: a plain load, an add, a store that others may see torn between the
// two fields but never within one.
struct EngineCounter {
  std::atomic<std::uint64_t> packets{0};
  std::atomic<std::uint64_t> bytes{0};

  void add(std::uint64_t size) noexcept {
    packets.store(packets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    bytes.store(bytes.load(std::memory_order_relaxed) + size, std::memory_order_relaxed);
  }
  void clear() noexcept {
    packets.store(0, std::memory_order_relaxed);
    bytes.store(0, std::memory_order_relaxed);
  }
  [[nodiscard]] dp_counter read() const noexcept {
    return {packets.load(std::memory_order_relaxed), bytes.load(std::memory_order_relaxed)};
  }
};

struct EngineCounters {
  std::array<EngineCounter, DP_REASONS> reasons;        // drops, by reason
  std::array<EngineCounter, DP_RULE_IDS_MAX> rules;     // packets judged by a rule
  std::array<EngineCounter, DP_PORTS_MAX> received;     // by ingress port
  std::array<EngineCounter, DP_PORTS_MAX> transmitted;  // by egress port, forwarded and made
  EngineCounter made;                                   // frames the engine made: ICMP errors, resets, fragments
  EngineCounter held;                                   // frames that had to wait
};

}  // namespace twinpath
