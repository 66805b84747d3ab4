#include "control/life/instance_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/paths.hpp"

namespace twinpath {
namespace {

// False when the last holder removed the file between our open and our lock: the lock is then on a file without a name.
bool still_there(const UniqueFd& fd, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

}  // namespace

Result<InstanceLock> InstanceLock::take(const std::string& name) {
  std::error_code error;
  std::filesystem::create_directories(kRunFolder, error);
  if (error) return fail(error.value(), "make {}", kRunFolder);
  std::string path = lock_path(name);
  while (true) {
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!fd) return fail(errno, "open {}", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return fail(errno, "lock {}", path);
      return refuse("a gateway named \"{}\" is already running", name);
    }
    if (still_there(fd, path)) return InstanceLock{std::move(fd), std::move(path)};
  }
}

void InstanceLock::remove_file() const { ::unlink(path_.c_str()); }

}  // namespace twinpath
