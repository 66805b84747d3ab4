#include "telemetry/policy_filter.hpp"

#include <arpa/inet.h>

#include <charconv>

#include "telemetry/policy_json.hpp"

namespace twinpath {
namespace {

bool in(const std::optional<Prefix>& prefix, std::uint8_t family, const dp_address& address) {
  return !prefix || prefix->contains({family, address});
}

}  // namespace

Result<PolicyFilter> PolicyFilter::make(const rest::PolicyQuery& query, const TableImage& image) {
  PolicyFilter filter;
  filter.query_ = query;
  if (query.zone) {
    filter.zone_ = image.zone(*query.zone);
    if (filter.zone_ == 0) return refuse("zone: there is no zone \"{}\"", *query.zone);
  }
  return filter;
}

bool PolicyFilter::matches(const FlowSnapshot& flow) const {
  if (zone_ != 0 && flow.forward.zone != zone_) return false;
  if (!in(query_.source, flow.family, flow.forward.source)) return false;
  if (!in(query_.destination, flow.family, flow.forward.destination)) return false;
  if (query_.protocol && *query_.protocol != flow.protocol) return false;
  if (query_.state && *query_.state != flow.state) return false;
  if (query_.origin && *query_.origin != origin_of(flow)) return false;
  return !query_.port || ntohs(flow.forward.source_port) == *query_.port ||
         ntohs(flow.forward.destination_port) == *query_.port;
}

Result<PolicyCursor> PolicyCursor::parse(const std::string& text) {
  PolicyCursor cursor;
  if (text.empty()) return cursor;
  const char* end = text.data() + text.size();
  if (text.size() < 3 || text[1] != '.' || (text[0] != '4' && text[0] != '6'))
    return refuse("cursor: \"{}\" is no cursor of this gateway", text);
  cursor.family = static_cast<std::uint8_t>(text[0] - '0');
  const auto [last, error] = std::from_chars(text.data() + 2, end, cursor.slot);
  if (error != std::errc{} || last != end) return refuse("cursor: \"{}\" is no cursor of this gateway", text);
  return cursor;
}

std::string PolicyCursor::text() const { return done() ? std::string{} : fmt::format("{}.{}", family, slot); }

void PolicyCursor::next_family() {
  family = static_cast<std::uint8_t>(family == DP_FAMILY_V4 ? DP_FAMILY_V6 : DP_FAMILY_NONE);
  slot = 0;
}

}  // namespace twinpath
