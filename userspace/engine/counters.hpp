// counters.hpp - the engine's packet and byte counters. Written by the engine's thread, read by any other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/model/counters.h"
#include "common/model/limits.h"
#include "common/model/verdict.h"

namespace twinpath {

// One writer, so no locked instruction is needed: a plain load, an add and a store. A reader may see one field already
// changed and the other not yet; each field by itself is whole.
struct EngineCounter {
  std::atomic<std::uint64_t> packets{0};
  std::atomic<std::uint64_t> bytes{0};

  void add(std::uint64_t size) noexcept {
    add_packets(1);
    bytes.store(bytes.load(std::memory_order_relaxed) + size, std::memory_order_relaxed);
  }
  // Packets whose lengths are not known.
  void add_packets(std::uint64_t count) noexcept {
    packets.store(packets.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
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
  std::array<EngineCounter, DP_REASONS> reasons;  // drops, by reason
  // By rule id. The engine's thread counts here, and the control thread what flows have counted that it deletes.
  std::array<dp_rule_counters, DP_RULE_IDS_MAX> rules;
  std::array<EngineCounter, DP_PORTS_MAX> received;     // by ingress port
  std::array<EngineCounter, DP_PORTS_MAX> transmitted;  // by egress port: forwarded packets, and those of `made`
  EngineCounter made;                                   // frames made here: ICMP errors, TCP resets, fragments
  EngineCounter held;                                   // packets that the hold stage has held
};

}  // namespace twinpath
