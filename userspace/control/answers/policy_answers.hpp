// policy_answers.hpp - the answers of /v1/policies: lists the pairs of both flow tables, page by page, and deletes pairs.
//
// Pages    A filter with few matches must not occupy the thread for a whole table: a page ends after
//          PolicyCursor::kLookMost pairs have been looked at, and may be empty.
// Thread   the control thread's. Kernel and engine keep writing the tables meanwhile.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string_view>

#include "base/tick_clock.hpp"
#include "config/compile.hpp"
#include "flows/flow_tables.hpp"
#include "rest/gateway.hpp"
#include "telemetry/policy_json.hpp"

namespace twinpath {

class PolicyAnswers {
 public:
  // `image` names zones, ports and rules; it may change between two calls.
  PolicyAnswers(const FlowTables& flows, const TableImage& image, std::span<const dp_next_hop> next_hops,
                const TickClock& clock)
      : flows_(flows), image_(image), next_hops_(next_hops), clock_(clock) {}

  // Refused when the zone or the cursor of the query means nothing.
  [[nodiscard]] Result<rest::PolicyPage> list(const rest::PolicyQuery& query) const;
  // Absent: no live pair has this id.
  [[nodiscard]] std::optional<std::string> find(std::string_view id) const;
  // How many pairs were deleted.
  [[nodiscard]] Result<std::size_t> remove_all(const rest::PolicyQuery& query) const;
  [[nodiscard]] bool remove(std::string_view id) const;

 private:
  [[nodiscard]] PolicyNames names() const;

  const FlowTables& flows_;
  const TableImage& image_;
  std::span<const dp_next_hop> next_hops_;
  const TickClock& clock_;
};

}  // namespace twinpath
