#include "control/ports/device.hpp"

#include <algorithm>
#include <iterator>

namespace twinpath {

std::vector<std::string> Device::all_problems() const {
  std::vector<std::string> all;
  if (!present()) all.push_back(absence);
  std::ranges::copy(problems, std::back_inserter(all));
  std::ranges::copy(conflicts, std::back_inserter(all));
  return all;
}

}  // namespace twinpath
