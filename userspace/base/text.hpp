// text.hpp - text from outside, made safe to be shown.
#pragma once

#include <string>
#include <string_view>

namespace twinpath {

// In quotes, on one line, printable ASCII only (other bytes as \xHH), cut when long: for a value in a message.
[[nodiscard]] std::string in_quotes(std::string_view text);

// Fit for a terminal: control characters, those of C1 too, and bytes that are not UTF-8 become "?".
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace twinpath
