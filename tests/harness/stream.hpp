// stream.hpp - numbered traffic from a lab's client to its server that goes on while something is done to the gateway.
//
// Pace      never in bursts: a sender that was kept waiting does not make up for it, so that no queue overflows and every
//           number that is missing was lost by the gateway.
// Threads   each stream has its own; the sockets lie in the namespaces of their ends.
// Errors    std::runtime_error when a stream cannot be set up.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"

namespace twinpath::test {

// Datagrams that carry their number; the server answers each tenth, so that the flow becomes assured.
class UdpStream {
 public:
  UdpStream(const GatewayLab& lab, std::uint16_t port, std::uint16_t source_port = 0);
  ~UdpStream();

  [[nodiscard]] std::uint64_t received() const { return received_.load(); }
  // Waits for so many more to arrive. False: they did not.
  [[nodiscard]] bool flows(std::uint64_t more = 500) const;
  // Ends the sending and waits for what is under way; how many numbers never arrived.
  [[nodiscard]] std::uint64_t missing();

 private:
  void send();
  void receive();

  Place there_;
  UniqueFd client_;
  UniqueFd server_;
  std::atomic<bool> stop_sending_{false};
  std::atomic<bool> stop_receiving_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> received_{0};  // each number once
  std::vector<bool> seen_;
  std::thread sender_;
  std::thread receiver_;
};

// A TCP connection with a steady trickle of data.
class TcpStream {
 public:
  TcpStream(const GatewayLab& lab, std::uint16_t port);
  ~TcpStream();

  [[nodiscard]] std::uint64_t received() const { return received_.load(); }
  [[nodiscard]] bool flows(std::uint64_t more_bytes = 50'000) const;
  // Segments that either end has sent again, ever.
  [[nodiscard]] std::uint32_t retransmissions() const;

 private:
  UniqueFd client_;
  UniqueFd server_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> received_{0};
  std::thread sender_;
  std::thread receiver_;
};

}  // namespace twinpath::test
