#include "rest/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace twinpath::rest {
namespace {

constexpr int backlog = 64;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return refuse("socket path \"{}\" must have 1 to {} bytes", path, sizeof(address.sun_path) - 1);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> new_socket() {
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail(errno, "create a unix socket");
  return fd;
}

// Removes a socket that nobody listens on. Refuses a live one, and what is no socket.
Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? Status{} : Status{fail(errno, "look at {}", path)};
  if (!S_ISSOCK(found.st_mode)) return refuse("{} exists and is not a socket", path);
  const Result<UniqueFd> probe = new_socket();
  if (!probe) return pass_on(probe.error());
  if (::connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN)
    return refuse("another daemon listens on {}", path);
  if (errno != ECONNREFUSED) return fail(errno, "see whether a daemon listens on {}", path);
  if (::unlink(path.c_str()) != 0) return fail(errno, "remove the dead socket {}", path);
  return {};
}

}  // namespace

Result<UnixListener> UnixListener::open(const std::string& path) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address) return pass_on(address.error());
  if (Status room = remove_stale(path, *address); !room) return pass_on(room.error());
  Result<UniqueFd> fd = new_socket();
  if (!fd) return pass_on(fd.error());
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
    return fail(errno, "bind {}", path);
  struct stat made {};
  if (::stat(path.c_str(), &made) != 0) return fail(errno, "look at {}", path);
  UnixListener listener{std::move(*fd), path, made.st_dev, made.st_ino};
  // Before listen nobody can connect, so there is no moment with a wider mode.
  if (::chmod(path.c_str(), 0660) != 0) return fail(errno, "set the mode of {}", path);
  if (::listen(listener.fd_.get(), backlog) != 0) return fail(errno, "listen on {}", path);
  return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

UnixListener::~UnixListener() {
  struct stat found {};
  if (path_.empty() || ::stat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace twinpath::rest
