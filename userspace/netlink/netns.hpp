// netns.hpp - network namespaces other than ours: finding them, and working inside one.
//
// Identity   the inode of the namespace file, as `ls -iL /run/netns/NAME` shows it: the same by every path,
//            and not used again while anything refers to the namespace.
// Found      those named in /run/netns and those of any visible process. Others cannot be reached.
// Privilege  CAP_SYS_ADMIN to enter; CAP_SYS_PTRACE to look at other users' processes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath::netlink {

using NetnsInode = std::uint64_t;

// The namespace of the calling thread.
[[nodiscard]] Result<NetnsInode> own_netns();

struct Netns {
  NetnsInode inode = 0;
  std::string path;  // where it was found
  UniqueFd fd;
};

// Every namespace that can be reached, each once, the calling thread's own included.
[[nodiscard]] std::vector<Netns> reachable_netns();
[[nodiscard]] std::optional<Netns> find_netns(NetnsInode inode);

// Calls `work` in the namespace, on a thread of its own, and waits: setns changes a thread, and ours must not change.
[[nodiscard]] Status run_in_netns(const Netns& netns, const std::function<Status()>& work);

}  // namespace twinpath::netlink
