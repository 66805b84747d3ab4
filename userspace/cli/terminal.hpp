// terminal.hpp - how wide what is said may be.
#pragma once

#include <cstddef>

namespace twinpath::cli {

// COLUMNS, if it is a number; else the width of the terminal that standard output is. 0: it is none, so there is no bound.
[[nodiscard]] std::size_t terminal_columns();

}  // namespace twinpath::cli
