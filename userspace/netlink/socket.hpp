// socket.hpp - a netlink socket of libnl with one owner, and the two ways to talk over it.
//
// receive()   for notifications: never blocks, hands out one datagram at a time.
// transact()  for requests and dumps: sends, then waits for the whole answer.
// A socket is used for one of the two. A dump on the socket that also carries notifications could be overtaken: the
// kernel fills a part of the dump, an object changes and is announced, and only then the older part is queued.
//
// Namespace  that of the thread which opens it, for ever.
// Thread     one at a time.
#pragma once

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace twinpath::netlink {

struct FreeMessage {
  void operator()(nl_msg* message) const noexcept { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

// A request of `type` whose body starts with `header` (an rtmsg, ndmsg, ...).
template <class Header>
[[nodiscard]] Message make_request(int type, int flags, const Header& header) {
  Message message{nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)};
  nlmsg_append(message.get(), const_cast<Header*>(&header), sizeof header, NLMSG_ALIGNTO);
  return message;
}

class Socket {
 public:
  // protocol: NETLINK_ROUTE or NETLINK_GENERIC.
  [[nodiscard]] static Result<Socket> open(int protocol);

  [[nodiscard]] int fd() const { return nl_socket_get_fd(socket_.get()); }
  [[nodiscard]] nl_sock* get() const { return socket_.get(); }
  [[nodiscard]] Status join(int group);
  // Asks for at least `bytes`; beyond net.core.rmem_max only with CAP_NET_ADMIN, and less is no error.
  void set_receive_buffer(int bytes);
  // The kernel then honours filters in dump requests (NETLINK_GET_STRICT_CHK, Linux 4.20).
  [[nodiscard]] Status check_strictly();

  // The next datagram of the kernel, valid until the next call; empty when there is none now.
  // Error ENOBUFS: the kernel dropped messages since the socket was full.
  [[nodiscard]] Result<std::span<const std::byte>> receive();

  using OnMessage = std::function<void(const nlmsghdr&)>;
  // Sends one request and hands each answer to `on_message` until the kernel says it is complete. Waits 5 s at most
  // between two datagrams. Error EINTR: a dump was not consistent, because what it walked changed; try again.
  [[nodiscard]] Status transact(Message request, const OnMessage& on_message);
  // Sends without waiting; `bytes` holds one or more messages.
  [[nodiscard]] Status send(std::span<const std::byte> bytes);

 private:
  struct Free {
    void operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }
  };
  explicit Socket(nl_sock* socket) : socket_(socket), buffer_(kDatagramBytes) {}
  [[nodiscard]] Status wait_readable() const;

  // The kernel builds dumps in pieces of at most 32 KiB (net/netlink/af_netlink.c, netlink_dump); a notification of
  // a route with 256 weighted IPv6 paths needs less than that.
  static constexpr std::size_t kDatagramBytes = 128 * 1024;
  std::unique_ptr<nl_sock, Free> socket_;
  std::vector<std::byte> buffer_;
};

// Calls visit(header) for each whole message of a datagram.
template <class Visit>
void for_each_message(std::span<const std::byte> datagram, Visit&& visit) {
  auto* header = reinterpret_cast<nlmsghdr*>(const_cast<std::byte*>(datagram.data()));
  int left = static_cast<int>(datagram.size());
  for (; nlmsg_ok(header, left); header = nlmsg_next(header, &left)) visit(static_cast<const nlmsghdr&>(*header));
}

}  // namespace twinpath::netlink
