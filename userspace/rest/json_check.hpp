// json_check.hpp - whether a body is JSON, and if not, the place of the first fault.
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

struct JsonFault {
  std::size_t line = 1;    // from 1
  std::size_t column = 1;  // from 1, in bytes
  std::string text;
};

// Absent when `text` is one JSON value.
[[nodiscard]] std::optional<JsonFault> check_json(std::string_view text);

}  // namespace twinpath::rest
