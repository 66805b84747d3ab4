// routes.hpp - the one table of what the server answers. dispatch() walks it, the OpenAPI document is made from it.
#pragma once

#include <span>

#include "rest/route.hpp"

namespace twinpath::rest {

[[nodiscard]] std::span<const Route> routes();

// The keys that choose among policy pairs.
[[nodiscard]] std::span<const QueryKey> policy_filters();

// Never throws: whatever the gateway throws becomes 500. HEAD is answered like GET; the server leaves out the body.
[[nodiscard]] Response dispatch(Gateway& gateway, const Request& request);

}  // namespace twinpath::rest
