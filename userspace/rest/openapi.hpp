// openapi.hpp - the API described for machines, from the route table that dispatches.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "rest/route.hpp"

namespace twinpath::rest {

// OpenAPI 3.0.3.
[[nodiscard]] nlohmann::json openapi_document(std::span<const Route> table);

}  // namespace twinpath::rest
