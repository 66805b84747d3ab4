// raw_client.hpp - a stream client that sends any bytes, HTTP or not, and returns what comes back.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "harness/text.hpp"

namespace twinpath::rest {

class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }

  // False when the server no longer listens.
  bool say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Everything until the server closes, or until `needle` has come `times` times.
  std::string hear(std::string_view needle = {}, int times = 1, int hold_timeout_ms = 5000) {
    std::string heard;
    char piece[65536];
    while (needle.empty() || count(heard, needle) < times) {
      pollfd poll{fd_.get(), POLLIN, 0};
      if (::poll(&poll, 1, hold_timeout_ms) <= 0) return heard + "<silence>";
      const ssize_t got = ::recv(fd_.get(), piece, sizeof(piece), 0);
      if (got <= 0) break;
      heard.append(piece, static_cast<std::size_t>(got));
    }
    return heard;
  }

  static int count(std::string_view text, std::string_view needle) {
    int found = 0;
    for (std::size_t at = text.find(needle); at != text.npos; at = text.find(needle, at + 1)) ++found;
    return found;
  }

 private:
  UniqueFd fd_;
};

using test::has;

inline std::string get(std::string_view target, std::string_view more = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, more);
}

inline std::string get_once(std::string_view target, std::string_view more = "") {
  return get(target, std::string(more) + "Connection: close\r\n");
}

}  // namespace twinpath::rest
