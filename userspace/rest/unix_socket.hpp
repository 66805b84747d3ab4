// unix_socket.hpp - the file of a listening unix stream socket, with one owner.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath::rest {

class UnixListener {
 public:
  // Listens at `path` with mode 0660. A file that a dead daemon left is replaced; a live one, and what is no socket, is
  // refused.
  [[nodiscard]] static Result<UnixListener> open(const std::string& path);

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;
  // Removes the file, unless somebody else has put another one in its place.
  ~UnixListener();

  // Gives the listening descriptor away; the file stays owned here.
  [[nodiscard]] int release_fd() { return fd_.release(); }

 private:
  UnixListener(UniqueFd fd, std::string path, dev_t device, ino_t inode)
      : fd_(std::move(fd)), path_(std::move(path)), device_(device), inode_(inode) {}

  UniqueFd fd_;
  std::string path_;  // empty: moved from
  dev_t device_;
  ino_t inode_;
};

}  // namespace twinpath::rest
