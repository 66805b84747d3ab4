// host.hpp - may this process, on this kernel, run a gateway at all? Asked before anything else.
//
// Errors   one line that says what is missing and what to do about it.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/result.hpp"

namespace twinpath {

// XDP programs and AF_XDP sockets are made by root.
[[nodiscard]] Status check_privilege(uid_t user);

// `release` as uname gives it ("6.1.0-18-amd64"). Refuses what is older than Debian 12's kernel, 6.1.
[[nodiscard]] Status check_kernel(std::string_view release);

// Both, for the calling process and the running kernel.
[[nodiscard]] Status check_host();

}  // namespace twinpath
