#include "harness/talk.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace twinpath::test {
namespace {

constexpr int kTimeout_s = 10;
constexpr std::size_t kPiece = 1 << 16;

union AnyAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

[[noreturn]] void throw_errno(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

std::pair<AnyAddress, socklen_t> to_sockaddr(const Place& place) {
  AnyAddress out{};
  if (place.address.find(':') == std::string::npos) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(place.port);
    ::inet_pton(AF_INET, place.address.c_str(), &out.v4.sin_addr);
    return {out, sizeof(out.v4)};
  }
  out.v6.sin6_family = AF_INET6;
  out.v6.sin6_port = htons(place.port);
  ::inet_pton(AF_INET6, place.address.c_str(), &out.v6.sin6_addr);
  return {out, sizeof(out.v6)};
}

Place to_place(const AnyAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.any.sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text));
    return {text, ntohs(address.v4.sin_port)};
  }
  ::inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text));
  return {text, ntohs(address.v6.sin6_port)};
}

void set_timeouts(int fd) {
  const timeval timeout{kTimeout_s, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

UniqueFd bound_socket(const TestNamespace& part, const Place& here, int type) {
  UniqueFd fd;
  part.inside([&] {
    const auto [address, size] = to_sockaddr(here);
    fd.reset(::socket(address.any.sa_family, type | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (::bind(fd.get(), &address.any, size) != 0)
      throw_errno("bind to " + here.address + " " + std::to_string(here.port));
  });
  set_timeouts(fd.get());
  return fd;
}

// FNV-1a over words: any changed, lost or repeated piece changes it.
std::uint64_t digest(std::uint64_t so_far, std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    so_far = (so_far ^ word) * 0x100000001b3U;
  }
  return so_far;
}

}  // namespace

UniqueFd udp_at(const TestNamespace& part, const Place& here) { return bound_socket(part, here, SOCK_DGRAM); }

UniqueFd tcp_listen(const TestNamespace& part, const Place& here) {
  UniqueFd fd = bound_socket(part, here, SOCK_STREAM);
  if (::listen(fd.get(), 4096) != 0) throw_errno("listen");
  return fd;
}

UniqueFd tcp_connect(const TestNamespace& part, const Place& here, const Place& there) {
  UniqueFd fd = bound_socket(part, here, SOCK_STREAM);
  const auto [address, size] = to_sockaddr(there);
  if (::connect(fd.get(), &address.any, size) != 0)
    throw_errno("connect to " + there.address + " " + std::to_string(there.port));
  return fd;
}

UniqueFd tcp_accept(int listening) {
  UniqueFd fd{::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC)};
  if (!fd) throw_errno("accept");
  set_timeouts(fd.get());
  return fd;
}

void udp_send(int socket, const Place& there, std::span<const std::uint8_t> payload) {
  const auto [address, size] = to_sockaddr(there);
  const ssize_t sent = ::sendto(socket, payload.data(), payload.size(), 0, &address.any, size);
  if (sent != static_cast<ssize_t>(payload.size())) throw_errno("send to " + there.address);
}

bool udp_receive(int socket, Place& from, std::size_t& size, int hold_timeout_ms) {
  pollfd waiting{socket, POLLIN, 0};
  if (::poll(&waiting, 1, hold_timeout_ms) != 1) return false;
  std::array<std::uint8_t, 65536> room;
  AnyAddress address{};
  socklen_t length = sizeof(address);
  const ssize_t got = ::recvfrom(socket, room.data(), room.size(), 0, &address.any, &length);
  if (got < 0) return false;
  size = static_cast<std::size_t>(got);
  from = to_place(address);
  return true;
}

void send_all(int socket, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw_errno("send");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

void receive_all(int socket, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (got == 0) throw std::runtime_error("receive: the other side closed");
    if (got < 0) throw_errno("receive");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

bool noise_arrives(int from, int to, long mb) {
  std::uint64_t sent = 0, received = 0;
  const long pieces = mb * (1 << 20) / static_cast<long>(kPiece);
  std::exception_ptr failed;
  std::thread sender([&] {
    try {
      std::mt19937_64 noise(7);
      std::vector<std::uint64_t> words(kPiece / 8);
      for (std::uint64_t& word : words) word = noise();
      for (long i = 0; i < pieces; ++i) {
        words[static_cast<std::size_t>(i) % words.size()] = noise();
        const std::span bytes{reinterpret_cast<const std::uint8_t*>(words.data()), kPiece};
        sent = digest(sent, bytes);
        send_all(from, bytes);
      }
    } catch (...) {
      failed = std::current_exception();
      ::shutdown(from, SHUT_RDWR);
    }
  });
  std::vector<std::uint8_t> piece(kPiece);
  try {
    for (long i = 0; i < pieces; ++i) {
      receive_all(to, piece);
      received = digest(received, piece);
    }
  } catch (...) {
    ::shutdown(to, SHUT_RDWR);
    sender.join();
    throw;
  }
  sender.join();
  if (failed) std::rethrow_exception(failed);
  return sent == received;
}

}  // namespace twinpath::test
