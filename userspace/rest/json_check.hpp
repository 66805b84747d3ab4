// json_check.hpp - whether a body is JSON, and if not, the first fault with its place.
//
// Comments as in configuration files, // and /* */, are allowed. Nothing is built, so a hostile body costs no memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace twinpath::rest {

// Nesting above this is refused: a recursive reader could run out of stack. Documents need less than ten levels.
inline constexpr std::size_t json_depth_max = 64;

// Absent when `text` is one JSON value; else in the words of base/json_fault.hpp.
[[nodiscard]] std::optional<std::string> check_json(std::string_view text);

}  // namespace twinpath::rest
