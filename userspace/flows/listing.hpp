// listing.hpp - reads a flow table for people: copies of its pairs, page by page or by id, and deletion by id.
//
// Source   docs/flow-table.md. Kernel and engine keep writing meanwhile; nothing here stops or locks them.
// Thread   any number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "flows/table_view.hpp"

namespace twinpath {

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
