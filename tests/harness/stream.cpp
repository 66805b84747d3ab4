#include "harness/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>

namespace twinpath::test {
namespace {

constexpr std::chrono::microseconds kPace{200};
constexpr const char* kClient = "10.1.0.2";
constexpr const char* kServer = "10.2.0.2";

bool readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 50) == 1;
}

void enlarge_receive_buffer(int fd) {
  const int bytes = 8 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

std::uint32_t retransmissions_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.tcpi_total_retrans;
}

bool grows(const std::atomic<std::uint64_t>& counter, std::uint64_t more) {
  const std::uint64_t before = counter.load();
  return eventually([&] { return counter.load() >= before + more; });
}

}  // namespace

UdpStream::UdpStream(const GatewayLab& lab, std::uint16_t port, std::uint16_t source_port)
    : there_{kServer, port},
      client_(udp_at(lab.client, {kClient, source_port})),
      server_(udp_at(lab.server, there_)),
      sender_([this] { send(); }),
      receiver_([this] { receive(); }) {
  enlarge_receive_buffer(server_.get());
}

UdpStream::~UdpStream() {
  stop_sending_ = true;
  stop_receiving_ = true;
  sender_.join();
  receiver_.join();
}

void UdpStream::send() {
  std::array<std::uint8_t, 64> payload{};
  while (!stop_sending_) {
    const std::uint64_t number = sent_++;
    std::memcpy(payload.data(), &number, sizeof(number));
    udp_send(client_.get(), there_, payload);
    std::this_thread::sleep_for(kPace);
  }
}

void UdpStream::receive() {
  while (!stop_receiving_) {
    if (!readable(server_.get())) continue;
    std::uint64_t number = 0;
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    if (::recvfrom(server_.get(), &number, sizeof(number), 0, reinterpret_cast<sockaddr*>(&from), &size) < 8) continue;
    if (number >= seen_.size()) seen_.resize(number + 1);
    if (!seen_[number]) ++received_;
    seen_[number] = true;
    if (number % 10 == 0) ::sendto(server_.get(), &number, sizeof(number), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

bool UdpStream::flows(std::uint64_t more) const { return grows(received_, more); }

std::uint64_t UdpStream::missing() {
  stop_sending_ = true;
  (void)eventually([this] { return received_ == sent_; }, std::chrono::seconds{2});
  return sent_ - received_;
}

TcpStream::TcpStream(const GatewayLab& lab, std::uint16_t port) {
  const UniqueFd listening = tcp_listen(lab.server, {kServer, port});
  client_ = tcp_connect(lab.client, {kClient, 0}, {kServer, port});
  server_ = tcp_accept(listening.get());
  sender_ = std::thread([this] {
    const std::array<std::uint8_t, 400> piece{};
    while (!stop_) {
      (void)::send(client_.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      std::this_thread::sleep_for(5 * kPace);
    }
  });
  receiver_ = std::thread([this] {
    std::array<std::uint8_t, 65536> piece;
    while (!stop_) {
      if (!readable(server_.get())) continue;
      const ssize_t got = ::recv(server_.get(), piece.data(), piece.size(), 0);
      if (got <= 0) return;
      received_ += static_cast<std::uint64_t>(got);
    }
  });
}

TcpStream::~TcpStream() {
  stop_ = true;
  sender_.join();
  receiver_.join();
}

bool TcpStream::flows(std::uint64_t more_bytes) const { return grows(received_, more_bytes); }

std::uint32_t TcpStream::retransmissions() const {
  return retransmissions_of(client_.get()) + retransmissions_of(server_.get());
}

}  // namespace twinpath::test
