// json_fault.hpp - what is wrong with a text that should be JSON, in words that do not depend on the parser's version.
//
// Lines and columns count from 1, columns in bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace twinpath {

// Faults that the parser misses or has no words for: nothing but space and comments; a NUL byte, which it takes for the end.
[[nodiscard]] std::optional<std::string> fault_before_parsing(std::string_view text);

// "line 3, column 7: unexpected ']'; expected '}'", of the parser's message and the bytes that it had read.
[[nodiscard]] std::string json_fault(std::string_view text, std::size_t position, std::string_view message);

}  // namespace twinpath
