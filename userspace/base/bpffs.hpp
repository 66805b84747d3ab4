// bpffs.hpp - the bpffs in which pins outlive the process that makes them.
//
// Why      `ip netns exec` gives its command a mount namespace of its own with a fresh /sys, where no bpffs is mounted,
//          and one that the command mounts ends with it. So where /sys/fs/bpf is none, that of the nearest ancestor is
//          used which lives in another mount namespace: the shell that `ip netns exec` was typed into.
// Thread   any.
#pragma once

#include <string>

namespace twinpath {

// A mount point of bpffs, by a path that this process can use; /sys/fs/bpf when there is none.
[[nodiscard]] std::string find_bpffs();
[[nodiscard]] bool is_bpffs(const std::string& path);
// True: what this process mounts is out of sight for those that started it, and ends with the last process that sees it.
[[nodiscard]] bool has_own_mount_namespace();

}  // namespace twinpath
