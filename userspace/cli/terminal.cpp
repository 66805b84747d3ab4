#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/number.hpp"

namespace twinpath::cli {

std::size_t terminal_columns() {
  constexpr std::size_t columns_max = 10'000;
  if (const char* columns = std::getenv("COLUMNS"))
    if (const auto given = parse_whole<std::size_t>(columns, 1, columns_max)) return *given;
  winsize size{};
  return ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace twinpath::cli
