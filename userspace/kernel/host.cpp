#include "kernel/host.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

namespace twinpath {
namespace {

constexpr std::pair kOldestKernel{6, 1};

}  // namespace

Status check_privilege(uid_t user) {
  if (user != 0) return refuse("needs root: XDP programs and AF_XDP sockets are made by root alone; try sudo");
  return {};
}

Status check_kernel(std::string_view release) {
  std::pair found{0, 0};
  const std::string text(release);
  if (std::sscanf(text.c_str(), "%d.%d", &found.first, &found.second) != 2)
    return refuse("kernel \"{}\" has no version that can be read: Linux 6.1 or newer is needed", release);
  if (found < kOldestKernel) return refuse("kernel {} is too old: Linux 6.1 or newer is needed", release);
  return {};
}

Status check_host() {
  if (auto privileged = check_privilege(::geteuid()); !privileged) return privileged;
  utsname name{};
  ::uname(&name);
  return check_kernel(name.release);
}

}  // namespace twinpath
