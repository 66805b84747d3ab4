// log_file.hpp - the file that a daemon in the background writes its lines to.
//
// Owner    `up` opens it for what the daemon says before it works; the daemon opens it again to rotate it.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath {

// To be appended to; made when it is not there.
[[nodiscard]] inline Result<UniqueFd> open_log_file(const std::string& path) {
  UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640)};
  if (!file) return fail(errno, "open {}", path);
  return file;
}

}  // namespace twinpath
