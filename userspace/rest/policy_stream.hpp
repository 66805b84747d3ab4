// policy_stream.hpp - all policy pairs that a query matches, as one JSON document of any length.
//
// Shape    {"policies": [PAIR...], "cursor": null}, as a page that happens to be the last.
// Cost     one page of the gateway for each piece; the whole list is never in memory.
#pragma once

#include <memory>

#include "rest/body_source.hpp"
#include "rest/gateway.hpp"

namespace twinpath::rest {

// Starts at `query.cursor`; `query.limit` is not used. Refused when the gateway refuses the first page. A later page that
// the gateway refuses (a reload has removed the zone that is asked for) ends the stream with an exception.
[[nodiscard]] Result<std::unique_ptr<BodySource>> stream_policies(Gateway& gateway, PolicyQuery query);

}  // namespace twinpath::rest
