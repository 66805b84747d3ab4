#include "netlink/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace twinpath::netlink {
namespace {

constexpr int kAnswerMilliseconds = 5000;

// What a transaction has heard so far.
struct Answer {
  bool complete = false;
  bool interrupted = false;
  int error = 0;
};

int error_of(const nlmsghdr& header) {
  if (nlmsg_datalen(&header) < static_cast<int>(sizeof(nlmsgerr))) return EBADMSG;
  return -static_cast<const nlmsgerr*>(nlmsg_data(&header))->error;
}

// NLMSG_DONE carries the errno of a dump that failed midway.
int error_of_done(const nlmsghdr& header) {
  if (nlmsg_datalen(&header) < static_cast<int>(sizeof(int))) return 0;
  int code = *static_cast<const int*>(nlmsg_data(&header));
  return code < 0 ? -code : 0;
}

void hear(const nlmsghdr& header, Answer& answer, const Socket::OnMessage& on_message) {
  if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer.interrupted = true;
  if (header.nlmsg_type == NLMSG_ERROR) {
    answer.error = error_of(header);
    answer.complete = true;
  } else if (header.nlmsg_type == NLMSG_DONE) {
    answer.error = error_of_done(header);
    answer.complete = true;
  } else if (header.nlmsg_type >= NLMSG_MIN_TYPE) {
    on_message(header);
  }
}

}  // namespace

Result<Socket> Socket::open(int protocol) {
  Socket socket{nl_socket_alloc()};
  if (!socket.socket_) return fail(ENOMEM, "open netlink socket");
  if (int failed = nl_connect(socket.get(), protocol); failed < 0)
    return refuse("open netlink socket: {}", nl_geterror(failed));
  if (nl_socket_set_nonblocking(socket.get()) < 0) return refuse("open netlink socket: cannot be made non-blocking");
  return socket;
}

Status Socket::join(int group) {
  if (int failed = nl_socket_add_membership(socket_.get(), group); failed < 0)
    return refuse("join netlink group {}: {}", group, nl_geterror(failed));
  return {};
}

void Socket::set_receive_buffer(int bytes) {
  if (::setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    (void)::setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Status Socket::check_strictly() {
  int on = 1;
  if (::setsockopt(fd(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on) != 0)
    return fail(errno, "ask netlink for strict checking");
  return {};
}

Result<std::span<const std::byte>> Socket::receive() {
  for (;;) {
    sockaddr_nl from{};
    iovec piece{buffer_.data(), buffer_.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    ssize_t bytes = ::recvmsg(fd(), &header, 0);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0 && errno == EAGAIN) return std::span<const std::byte>{};
    if (bytes < 0) return fail(errno, "receive from netlink");
    if ((header.msg_flags & MSG_TRUNC) != 0) return fail(ENOBUFS, "receive from netlink: message too long");
    // Any process may send to our port; only the kernel (port 0) is believed.
    if (from.nl_pid == 0) return std::span<const std::byte>{buffer_.data(), static_cast<std::size_t>(bytes)};
  }
}

Status Socket::wait_readable() const {
  pollfd waiting{fd(), POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&waiting, 1, kAnswerMilliseconds);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return fail(errno, "wait for netlink");
  if (ready == 0) return fail(ETIMEDOUT, "wait for netlink");
  return {};
}

Status Socket::transact(Message request, const OnMessage& on_message) {
  nl_complete_msg(socket_.get(), request.get());
  nlmsghdr* header = nlmsg_hdr(request.get());
  std::uint32_t sequence = header->nlmsg_seq;
  if (Status sent = send({reinterpret_cast<const std::byte*>(header), header->nlmsg_len}); !sent) return sent;
  Answer answer;
  while (!answer.complete) {
    if (Status ready = wait_readable(); !ready) return ready;
    auto datagram = receive();
    if (!datagram) return pass_on(datagram.error());
    for_each_message(*datagram, [&](const nlmsghdr& part) {
      if (part.nlmsg_seq == sequence && !answer.complete) hear(part, answer, on_message);
    });
  }
  if (answer.error != 0) return fail(answer.error, "netlink request {}", header->nlmsg_type);
  if (answer.interrupted) return fail(EINTR, "netlink dump {}", header->nlmsg_type);
  return {};
}

Status Socket::send(std::span<const std::byte> bytes) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = ::sendto(fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail(errno, "send to netlink");
  return {};
}

}  // namespace twinpath::netlink
