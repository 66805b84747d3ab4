#include "harness/live_connections.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace twinpath::test {
namespace {

std::uint32_t sent_again(const UniqueFd& socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  ::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.tcpi_total_retrans;
}

void send_number(const UniqueFd& socket, std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(std::exchange(number, number >> 8));
  send_all(socket.get(), bytes);
}

void hear_number(const UniqueFd& socket, std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  if (!socket) throw std::runtime_error("the server never had the whole handshake");
  receive_all(socket.get(), bytes);
  for (const std::uint8_t byte : bytes)
    if (byte != static_cast<std::uint8_t>(std::exchange(number, number >> 8))) throw std::runtime_error("wrong bytes");
}

}  // namespace

Exchange::Exchange(Connection& of) : of_(of), begun_(std::chrono::steady_clock::now()) {
  before_ = {sent_again(of_.client), of_.server ? sent_again(of_.server) : 0};
  of_.exchanges += 2;
  of_.attempt([&] { send_number(of_.speaker(), of_.exchanges); });
}

void Exchange::answer() {
  of_.attempt([&] {
    hear_number(of_.hearer(), of_.exchanges);
    if (of_.age != kHalfClosed) send_number(of_.hearer(), of_.exchanges + 1);
  });
}

void Exchange::end() {
  of_.attempt([&] {
    if (of_.age != kHalfClosed) hear_number(of_.speaker(), of_.exchanges + 1);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun_;
    of_.longest_ms = std::max(of_.longest_ms, took.count());
    // The server's socket of a handshake is new, and counts its SYN-ACKs.
    const std::uint32_t theirs = of_.age == kHandshake ? 0 : sent_again(of_.server) - before_[1];
    of_.most_sent_again = std::max({of_.most_sent_again, sent_again(of_.client) - before_[0], theirs});
  });
}

void exchange(Connection& with) {
  Exchange one{with};
  one.answer();
  one.end();
}

Turns::Turns(Connections& all, Age age) {
  for (Connection& one : all)
    if (one.age == age) taking_.push_back(&one);
}

HeldHandshakes::HeldHandshakes(const GatewayLab& lab) : lab_(lab) {
  lab_.server.run("sysctl -qw net.ipv4.tcp_synack_retries=12 net.ipv4.tcp_timestamps=0");
  lab_.client.run("nft 'table inet hold { chain out { type filter hook output priority 0; tcp dport " +
                  std::to_string(kServerPort + kHandshake) + " tcp flags & syn == 0 drop; }; }'");
}

void HeldHandshakes::release() {
  if (std::exchange(holds_, false)) lab_.client.run("nft delete table inet hold");
}

LiveConnections::LiveConnections(const GatewayLab& lab, std::uint16_t count) : held_(lab) {
  for (std::size_t family = 0; family < kFamilies.size(); ++family)
    for (std::size_t age = 0; age < kAges; ++age) {
      UniqueFd socket =
          tcp_listen(lab.server, {kFamilies[family].server, static_cast<std::uint16_t>(kServerPort + age)});
      if (age == kHandshake)
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_WINDOW_CLAMP, &kSmallestWindow, sizeof(kSmallestWindow));
      listening_.emplace(std::pair{family, age}, std::move(socket));
    }
  for (std::uint16_t number = 0; number < count; ++number)
    for (std::size_t family = 0; family < kFamilies.size(); ++family)
      for (std::size_t age = 0; age < kAges; ++age) open(lab, family, static_cast<Age>(age), number);
}

void LiveConnections::open(const GatewayLab& lab, std::size_t family, Age age, std::uint16_t number) {
  Connection one;
  one.family = family;
  one.age = age;
  one.here = {kFamilies[family].client, static_cast<std::uint16_t>(kClientPort + number)};
  one.there = {kFamilies[family].server, static_cast<std::uint16_t>(kServerPort + age)};
  one.client = tcp_connect(lab.client, one.here, one.there);
  if (age != kHandshake) {
    one.server = tcp_accept(listening_.at({family, age}).get());
    exchange(one);
  }
  if (age == kHalfClosed) {
    one.client_is_done = number % 2 == 0;
    ::shutdown(one.hearer().get(), SHUT_WR);
  }
  all.push_back(std::move(one));
}

// Takes over what has come through its handshake, until nothing more comes.
void LiveConnections::accept_handshakes(std::size_t family) {
  const int listening_socket = listening_.at({family, kHandshake}).get();
  const auto lacks = [family](const Connection& one) {
    return one.age == kHandshake && one.family == family && one.fault.empty() && !one.server;
  };
  while (std::any_of(all.begin(), all.end(), lacks)) {
    UniqueFd socket;
    try {
      socket = tcp_accept(listening_socket);
    } catch (const std::runtime_error&) {
      return;
    }
    sockaddr_in6 peer{};  // the port lies where IPv4 has it
    socklen_t size = sizeof(peer);
    ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size);
    for (Connection& one : all)
      if (lacks(one) && one.here.port == ntohs(peer.sin6_port)) one.server = std::move(socket);
  }
}

void LiveConnections::complete_handshakes() {
  held_.release();
  std::vector<Exchange> begun;
  for (Connection& one : all)
    if (one.age == kHandshake) begun.emplace_back(one);
  for (std::size_t family = 0; family < kFamilies.size(); ++family) accept_handshakes(family);
  for (Exchange& one : begun) one.answer();
  for (Exchange& one : begun) one.end();
}

void LiveConnections::close_other_half(Connection& one) {
  one.attempt([&] {
    std::uint8_t nothing = 0;
    ::shutdown(one.speaker().get(), SHUT_WR);
    if (::recv(one.hearer().get(), &nothing, 1, 0) != 0) throw std::runtime_error("the end of the data did not arrive");
  });
}

void LiveConnections::finish() {
  complete_handshakes();
  for (Connection& one : all) {
    exchange(one);
    if (one.age == kHalfClosed) close_other_half(one);
  }
}

}  // namespace twinpath::test
