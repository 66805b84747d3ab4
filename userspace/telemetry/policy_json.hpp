// policy_json.hpp - a pair of the flow table as users see it in /v1/policies.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/flow_names.hpp"
#include "common/model/next_hop.h"
#include "flows/listing.hpp"

namespace twinpath {

// What turns numbers of the table into names and seconds.
struct PolicyNames {
  std::span<const std::string> zones;  // by number
  std::span<const std::string> ports;
  std::span<const std::string> rules;
  std::span<const dp_next_hop> next_hops;
  std::uint32_t now = 0;  // ticks
  std::uint32_t ticks_per_second = 1;
};

[[nodiscard]] std::string id_text(std::uint8_t family, std::uint64_t id);  // "4-1f3a80"
// False when `text` is no id.
[[nodiscard]] bool parse_id(std::string_view text, std::uint8_t& family, std::uint64_t& id);

// A name of a table of names, or "#7" where the number has none.
[[nodiscard]] std::string name_at(std::span<const std::string> names, std::size_t index);
[[nodiscard]] FlowOrigin origin_of(const FlowSnapshot& flow);
// The pair as JSON text, written at once: listing a table makes hundreds of thousands of these.
[[nodiscard]] std::string policy_text(const FlowSnapshot& flow, const PolicyNames& names);

}  // namespace twinpath
