// wire.hpp - frames as they are, at one device of a namespace: a sender, and a listener that sees all.
//
// Listener   AF_PACKET, on a thread of its own; `visit` is called there. It hears frames in both directions.
// Merged     the receiving kernel joins TCP segments (GRO) before AF_PACKET hears them, after it has verified their
//            checksums; such a frame says so by `checksum_unfinished`, as does one that the host itself sends and leaves
//            to its device. Every other frame's checksums must be right as they are: see checksums_right().
// Errors     std::runtime_error.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <tuple>

#include "base/fd.hpp"
#include "harness/layers.hpp"
#include "harness/namespace.hpp"

namespace twinpath::test {

struct Heard {
  std::span<const std::uint8_t> frame;
  bool outgoing = false;
  bool checksum_unfinished = false;
};

class Listener {
 public:
  // Hears from the moment it is constructed.
  Listener(const TestNamespace& part, const std::string& device, std::function<void(const Heard&)> visit);
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Hears out what is queued, then ends.
  void stop();
  // Frames the kernel could not queue for us; after stop().
  [[nodiscard]] std::uint32_t missed() const { return missed_; }

 private:
  void listen();

  UniqueFd socket_;
  std::function<void(const Heard&)> visit_;
  std::atomic<bool> stopping_{false};
  std::uint32_t missed_ = 0;
  std::thread thread_;
};

class Sender {
 public:
  Sender(const TestNamespace& part, const std::string& device);

  void send(std::span<const std::uint8_t> frame) const;
  // As fast as the device takes them, in order; what it has no room for is not repeated. How many it took.
  std::size_t flood(std::span<const Bytes> frames) const;

 private:
  UniqueFd socket_;
};

// True when the IPv4 header, TCP, UDP, ICMP and ICMPv6 checksums of a whole, unfragmented IP packet behind a plain
// Ethernet header are right. Other frames are right too: nothing to verify. Independent of common/.
[[nodiscard]] bool checksums_right(std::span<const std::uint8_t> frame);

// One direction of a flow, and how much of it was heard.
struct FlowName {
  std::string source;
  std::string destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  friend auto operator<=>(const FlowName&, const FlowName&) = default;
};

struct Amount {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// TCP and UDP behind plain IPv4 or IPv6 headers; a name with protocol 0 for others.
[[nodiscard]] FlowName flow_name(std::span<const std::uint8_t> frame);

// Counts the frames of each direction of each flow at a device.
class FlowLedger {
 public:
  FlowLedger(const TestNamespace& part, const std::string& device);
  // Ends the counting.
  [[nodiscard]] const std::map<FlowName, Amount>& close();

 private:
  std::map<FlowName, Amount> amounts_;
  Listener listener_;
};

}  // namespace twinpath::test
