// double_close.hpp - counts the closes of descriptors that are closed already. Two owners of one descriptor do that; in a
// program with threads the second close hits whatever has got the number meanwhile.
//
// Include it in one file of a test program: it defines the close() of the whole program.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace twinpath::test {

inline int double_closes = 0;

}  // namespace twinpath::test

extern "C" int close(int fd) {
  const auto status = static_cast<int>(::syscall(SYS_close, fd));
  if (status != 0 && errno == EBADF) ++twinpath::test::double_closes;
  return status;
}
