// talk.hpp - sockets inside a test's namespaces, used from outside: both ends of a conversation in one thread.
//
// Blocking   with a timeout of 10 s: a lost packet is a test that fails, not one that hangs.
// Errors     std::runtime_error that says which step failed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/fd.hpp"
#include "harness/namespace.hpp"

namespace twinpath::test {

// An address and a port; IPv6 when there is a colon in it.
struct Place {
  std::string address;
  std::uint16_t port = 0;
};

[[nodiscard]] UniqueFd udp_at(const TestNamespace& part, const Place& here);
[[nodiscard]] UniqueFd tcp_listen(const TestNamespace& part, const Place& here);
// Port 0: any.
[[nodiscard]] UniqueFd tcp_connect(const TestNamespace& part, const Place& here, const Place& there);
[[nodiscard]] UniqueFd tcp_accept(int listening);

void udp_send(int socket, const Place& there, std::span<const std::uint8_t> payload);
// The number of bytes of one datagram and where it came from. False: none came within `hold_timeout_ms`.
[[nodiscard]] bool udp_receive(int socket, Place& from, std::size_t& size, int hold_timeout_ms = 10'000);

void send_all(int socket, std::span<const std::uint8_t> bytes);
// Exactly as many bytes as asked for.
void receive_all(int socket, std::span<std::uint8_t> bytes);
// Sends `mb` megabytes of noise from one end of a connection to the other; true when the same noise arrived.
[[nodiscard]] bool noise_arrives(int from, int to, long mb);

}  // namespace twinpath::test
