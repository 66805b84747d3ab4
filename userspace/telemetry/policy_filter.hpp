// policy_filter.hpp - filters and page cursors of /v1/policies over the flow table.
#pragma once

#include <string>

#include "config/compile.hpp"
#include "flows/listing.hpp"
#include "rest/gateway.hpp"

namespace twinpath {

class PolicyFilter {
 public:
  // Refuses a zone that is not configured.
  [[nodiscard]] static Result<PolicyFilter> make(const rest::PolicyQuery& query, const TableImage& image);
  [[nodiscard]] bool matches(const FlowSnapshot& flow) const;

 private:
  rest::PolicyQuery query_;
  std::uint8_t zone_ = 0;  // 0: any
};

// Where a walk stands: IPv4's table first, then IPv6's. A slot number stays meaningful while the table changes.
struct PolicyCursor {
  static constexpr std::size_t kLookMost = 100'000;  // pairs looked at for one page

  std::uint8_t family = DP_FAMILY_V4;  // DP_FAMILY_NONE: done
  std::uint32_t slot = 0;

  [[nodiscard]] static Result<PolicyCursor> parse(const std::string& text);  // empty: from the start
  [[nodiscard]] std::string text() const;                                    // empty: done
  [[nodiscard]] bool done() const { return family == DP_FAMILY_NONE; }
  void next_family();
};

}  // namespace twinpath
