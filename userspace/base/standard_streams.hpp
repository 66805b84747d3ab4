// standard_streams.hpp - descriptors 0, 1 and 2 are open, whoever started the program.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace twinpath {

// Closed ones become /dev/null. Otherwise the next file that is opened gets their number, and lines that are meant for
// people are written into it. Called before anything is opened.
inline void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", O_RDWR) != fd) ::_exit(126);  // the lowest free number, so it is this one
  }
}

}  // namespace twinpath
