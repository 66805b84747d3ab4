// instance_lock.hpp - one process at a time runs or cleans the gateway of a name.
//
// Path    lock_path() of base/paths.hpp. The kernel releases the lock when the process ends; the file stays until a
//         holder of the lock removes it.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath {

class InstanceLock {
 public:
  // Refused when another process holds it.
  [[nodiscard]] static Result<InstanceLock> take(const std::string& name);
  // Removes the file; the lock itself is released with this object. For a process that leaves nothing else on the host.
  void remove_file() const;

 private:
  InstanceLock(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

}  // namespace twinpath
