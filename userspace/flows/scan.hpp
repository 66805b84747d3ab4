// scan.hpp - walking a flow table in memory: recovery after a crash, and lists for people. Expiry: flows/expiry.hpp.
//
// Source   docs/flow-table.md. Kernel and engine keep writing while these run; nothing here stops or locks them.
// Thread   one scan of a table at a time for expiry and recovery (the control plane's); walking, any number.
// Errors   none: a table of the wrong size is a broken invariant of whoever mapped it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "common/model/flow.h"
#include "common/model/settings.h"

namespace twinpath {

// One family's table and what lies beside it, mapped. The span of the other family is empty. Walking may use a read-only mapping.
struct TableView {
  std::uint8_t family = DP_FAMILY_NONE;
  std::span<dp_flow_bucket4> v4;
  std::span<dp_flow_bucket6> v6;
  std::span<dp_flow_cold> cold;  // one element a slot
  dp_table_shape shape{};

  [[nodiscard]] std::uint32_t slot_count() const {
    return static_cast<std::uint32_t>(v4.size() + v6.size()) * DP_FLOW_LANES;
  }
};

struct RecoveryCounts {
  std::uint64_t released = 0;    // slots that a dead writer had left half-way
  std::uint64_t half_pairs = 0;  // halves without a partner
  std::uint64_t held = 0;        // halves that waited for packets held by a dead engine
};

// Puts a table in order after a crash. No user-space writer may exist; the kernel may be writing. A slot that the kernel
// is working on changes within microseconds, so one that has kept the same transitional word for 100 ms has no writer any
// more.
class FlowRecovery {
 public:
  explicit FlowRecovery(const TableView& table) : table_(table) {}

  // First pass: notes what is in transition and returns how much that is. Wait 100 ms when it is not 0.
  std::size_t note();
  // Second pass: releases what has not moved, removes halves without a partner, clears HELD.
  RecoveryCounts repair();

 private:
  struct Noted {
    std::uint32_t slot;
    std::uint32_t control;
  };

  TableView table_;
  std::vector<Noted> noted_;
};

// Both passes; `wait` is called between them when it is needed.
RecoveryCounts recover_flows(const TableView& table, const std::function<void()>& wait);

// One direction, as it was at one moment.
struct FlowHalfSnapshot {
  dp_address source{};
  dp_address destination{};
  dp_address new_source{};
  dp_address new_destination{};
  std::uint16_t source_port = 0;  // ports in network order
  std::uint16_t destination_port = 0;
  std::uint16_t new_source_port = 0;
  std::uint16_t new_destination_port = 0;
  std::uint8_t zone = 0;
  std::uint16_t next_hop = 0;
  std::uint32_t flags = 0;  // enum dp_flow_flag
  std::uint32_t stamp = 0;
  std::uint32_t seen = 0;  // ticks
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

struct FlowSnapshot {
  std::uint64_t id =
      0;  // slot of the forward entry and its version: never used again for another flow (until versions wrap)
  std::uint8_t family = DP_FAMILY_NONE;
  std::uint8_t protocol = 0;
  std::uint8_t state = DP_FLOW_EMPTY;
  std::uint32_t created = 0;  // tick
  std::uint32_t rule = 0;     // id, 0 for a zone's default
  FlowHalfSnapshot forward;
  FlowHalfSnapshot reverse;
};

inline constexpr int kFlowVersionBits = 32 - DP_FLOW_VERSION_SHIFT;

[[nodiscard]] constexpr std::uint64_t flow_id(std::uint32_t slot, std::uint32_t control) {
  return static_cast<std::uint64_t>(slot) << kFlowVersionBits | control >> DP_FLOW_VERSION_SHIFT;
}

// Visits up to `limit` live pairs from slot `cursor` on and returns the cursor to go on with; table.slot_count() when
// there is no more. A flow that lives through a whole walk is visited exactly once, whatever happens around it.
std::uint32_t walk_flows(const TableView& table, std::uint32_t cursor, std::size_t limit,
                         const std::function<void(const FlowSnapshot&)>& visit);

// The flow with this id, if it still lives.
[[nodiscard]] std::optional<FlowSnapshot> flow_at(const TableView& table, std::uint64_t id);

// Deletes it: true when this call did.
bool delete_flow(const TableView& table, std::uint64_t id);

}  // namespace twinpath
