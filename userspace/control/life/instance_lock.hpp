// instance_lock.hpp - one process at a time runs or cleans the gateway of a name.
//
// Path    lock_path() of base/paths.hpp. The lock goes with the process, however it ends; the file stays until somebody
//         who holds the lock removes it.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath {

class InstanceLock {
 public:
  // Refused when another process holds it.
  [[nodiscard]] static Result<InstanceLock> take(const std::string& name);
  // Removes the file; the lock itself goes with this object. For whoever leaves nothing else behind.
  void remove_file() const;

 private:
  InstanceLock(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

}  // namespace twinpath
