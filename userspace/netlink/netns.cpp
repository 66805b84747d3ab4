#include "netlink/netns.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>
#include <system_error>
#include <thread>

namespace twinpath::netlink {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

std::vector<std::string> names_in(const char* path) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, CloseDirectory> directory{::opendir(path)};
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

// The thread's, not /proc/self/ns/net: that is the main thread's.
std::string own_path() { return fmt::format("/proc/self/task/{}/ns/net", ::syscall(SYS_gettid)); }

std::vector<std::string> candidate_paths() {
  std::vector<std::string> paths{own_path()};
  for (const std::string& name : names_in("/run/netns")) paths.push_back("/run/netns/" + name);
  for (const std::string& name : names_in("/proc"))
    if (std::isdigit(static_cast<unsigned char>(name[0]))) paths.push_back("/proc/" + name + "/ns/net");
  return paths;
}

}  // namespace

Result<NetnsInode> own_netns() {
  struct stat facts {};
  if (::stat(own_path().c_str(), &facts) != 0) return fail(errno, "look at the network namespace");
  return static_cast<NetnsInode>(facts.st_ino);
}

std::vector<Netns> reachable_netns() {
  std::vector<Netns> found;
  std::set<NetnsInode> seen;
  for (std::string& path : candidate_paths()) {
    struct stat facts {};
    // Processes end, and names may be left over from namespaces that are gone: those are passed over.
    if (::stat(path.c_str(), &facts) != 0 || seen.contains(facts.st_ino)) continue;
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd || ::fstat(fd.get(), &facts) != 0 || !seen.insert(facts.st_ino).second) continue;
    found.push_back({facts.st_ino, std::move(path), std::move(fd)});
  }
  return found;
}

std::optional<Netns> find_netns(NetnsInode inode) {
  for (Netns& netns : reachable_netns())
    if (netns.inode == inode) return std::move(netns);
  return {};
}

Status run_in_netns(const Netns& netns, const std::function<Status()>& work) {
  Status done;
  auto visit = [&] {
    if (::setns(netns.fd.get(), CLONE_NEWNET) != 0)
      done = fail(errno, "enter network namespace {}", netns.path);
    else
      done = work();
  };
  try {
    std::thread{visit}.join();
  } catch (const std::system_error& error) {
    return fail(error.code().value(), "start a thread for network namespace {}", netns.path);
  }
  return done;
}

}  // namespace twinpath::netlink
