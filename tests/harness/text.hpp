// text.hpp - questions about the text that a program or a server has written.
#pragma once

#include <string_view>

namespace twinpath::test {

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace twinpath::test
