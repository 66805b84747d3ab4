#include "base/bpffs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <vector>

#include "base/fd.hpp"
#include "base/paths.hpp"

namespace twinpath {
namespace {

constexpr long kBpfFsMagic = 0xcafe4a11;

// 0: none, or it is not visible from here. In /proc/PID/stat it stands behind the name, which may contain anything.
pid_t parent_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  if (name_end == line.npos || name_end + 4 > line.size()) return 0;
  return static_cast<pid_t>(std::atol(line.c_str() + name_end + 4));
}

std::optional<ino_t> mount_namespace_of(pid_t process) {
  struct stat facts {};
  if (::stat(("/proc/" + std::to_string(process) + "/ns/mnt").c_str(), &facts) != 0) return std::nullopt;
  return facts.st_ino;
}

// The nearest first.
std::vector<pid_t> ancestors_elsewhere() {
  std::vector<pid_t> found;
  const auto own = mount_namespace_of(::getpid());
  for (pid_t process = ::getppid(); own && process > 0; process = parent_of(process))
    if (const auto theirs = mount_namespace_of(process); theirs && *theirs != *own) found.push_back(process);
  return found;
}

UniqueFd open_of_ancestor() {
  struct statfs filesystem {};
  for (const pid_t process : ancestors_elsewhere()) {
    const std::string path = "/proc/" + std::to_string(process) + "/root" + kBpfFs;
    UniqueFd folder{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (folder && ::fstatfs(folder.get(), &filesystem) == 0 && filesystem.f_type == kBpfFsMagic) return folder;
  }
  return {};
}

}  // namespace

bool is_bpffs(const std::string& path) {
  struct statfs filesystem {};
  return ::statfs(path.c_str(), &filesystem) == 0 && filesystem.f_type == kBpfFsMagic;
}

bool has_own_mount_namespace() { return !ancestors_elsewhere().empty(); }

// The descriptor is kept, since the ancestor may end before this process.
std::string find_bpffs() {
  if (is_bpffs(kBpfFs)) return kBpfFs;
  static const UniqueFd of_ancestor = open_of_ancestor();
  return of_ancestor ? "/proc/self/fd/" + std::to_string(of_ancestor.get()) : std::string(kBpfFs);
}

}  // namespace twinpath
