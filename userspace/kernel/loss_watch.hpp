// loss_watch.hpp - the programs that count what the kernel loses behind the gateway's programs (bpf/trace/losses.bpf.c).
//
// Counts   into the table `reasons`, as the gateway's programs do: egress_refused, engine_absent.
// Pins     loss_redirect and loss_bulk: like the gateway's programs they go on without the daemon, and the next start
//          replaces them.
// Thread   the control thread's.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "kernel/tables.hpp"

namespace twinpath {

// `netns`: inode number of the gateway's network namespace. An error leaves the losses uncounted, and nothing else.
[[nodiscard]] Status watch_losses(const std::string& pins, const Tables& tables, std::uint64_t netns);

}  // namespace twinpath
