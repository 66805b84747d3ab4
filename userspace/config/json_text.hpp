// json_text.hpp - from text to JSON, stricter than the library: // and /* */ comments are allowed, a key twice in one
// object is a fault with its path (the first value stays), depth and number of values are bounded, and so is memory; a NUL byte
// does not end the text.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "config/fault.hpp"

namespace twinpath {

// Nothing when the text is no JSON: one fault then says line, column and what was expected.
[[nodiscard]] std::optional<nlohmann::json> read_json(std::string_view text, FaultList& faults);

}  // namespace twinpath
