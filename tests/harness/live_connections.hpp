// live_connections.hpp - TCP connections of Linux through a lab's gateway, of four ages, and how they fare.
//
//   LiveConnections live(lab, 25);               // of each age and family
//   live.talk_while([&] { ...; return true; });  // false: enough
//   live.finish();
//   for (const Connection& one : live.all) CHECK(one.fault == "");
//
// Ages       handshake: the client's own packet filter holds its acknowledgements back, so SYN and SYN-ACK have passed and
//            nothing else. Busy: question and answer all the time. Idle: says nothing before finish(). Half-closed: one end
//            has said FIN, the other one goes on.
// Ports      the server's is kServerPort and the age; the client's kClientPort and the connection's number.
// End host   what Linux does to a server's end that waits for the last ACK of a handshake, whatever lies between:
//            - it gives up when a RST or SYN hits its window. The window is made small here, so that a stranger needs
//              2^32 / kSmallestWindow of them.
//            - it answers a forged segment by an ACK with a timestamp later than its last SYN-ACK's. The client echoes that
//              one, and from 6.14 on the server refuses it (TSEcrRejected) until it has sent SYN-ACK again. So the server
//              has no timestamps here.
// Errors     std::runtime_error while they are opened; afterwards Connection::fault.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"

namespace twinpath::test {

enum Age : std::size_t { kHandshake, kBusy, kIdle, kHalfClosed, kAges };
inline constexpr std::array<const char*, kAges> kAgeNames{"handshake", "busy", "idle", "half-closed"};

struct Family {
  const char* name;
  const char* client;
  const char* server;
};
inline constexpr std::array<Family, 2> kFamilies{
    {{"IPv4", "10.1.0.2", "10.2.0.2"}, {"IPv6", "2001:db8:1::2", "2001:db8:2::2"}}};

inline constexpr std::uint16_t kServerPort = 7000;  // and the age
inline constexpr std::uint16_t kClientPort = 20000;
inline constexpr int kSmallestWindow = 1152;

struct Connection {
  std::size_t family = 0;
  Age age = kBusy;
  Place here, there;
  UniqueFd client, server;
  bool client_is_done = false;  // half-closed: the client has said FIN, else the server
  std::string fault;            // why it counts as cut
  std::uint64_t exchanges = 0;
  double longest_ms = 0;
  std::uint32_t most_sent_again = 0;

  [[nodiscard]] const UniqueFd& speaker() const { return client_is_done ? server : client; }
  [[nodiscard]] const UniqueFd& hearer() const { return client_is_done ? client : server; }
  // A step of it; the first one that fails says why it is cut.
  template <class Step>
  void attempt(Step&& step) {
    if (!fault.empty()) return;
    try {
      step();
    } catch (const std::runtime_error& error) {
      fault = error.what();
    }
  }
};
using Connections = std::vector<Connection>;

// A number there and the next one back, in three steps with room for others between them; a half-closed connection says its
// number one way.
class Exchange {
 public:
  explicit Exchange(Connection& of);  // says the number
  void answer();
  void end();

 private:
  Connection& of_;
  std::chrono::steady_clock::time_point begun_;
  std::array<std::uint32_t, 2> before_{};  // sent again by client and server
};

void exchange(Connection& with);

// The connections of an age, one after the other and round again.
class Turns {
 public:
  Turns(Connections& all, Age age);
  Connection& next() { return *taking_[turn_++ % taking_.size()]; }

 private:
  std::vector<Connection*> taking_;
  std::size_t turn_ = 0;
};

// While it lives, the client acknowledges no SYN-ACK of the handshakes, and sends nothing else of them but SYN.
class HeldHandshakes {
 public:
  explicit HeldHandshakes(const GatewayLab& lab);
  ~HeldHandshakes() { release(); }
  HeldHandshakes(const HeldHandshakes&) = delete;
  HeldHandshakes& operator=(const HeldHandshakes&) = delete;

  void release();

 private:
  const GatewayLab& lab_;
  bool holds_ = true;
};

class LiveConnections {
 public:
  LiveConnections(const GatewayLab& lab, std::uint16_t count);

  // Busy connections and the open directions of half-closed ones talk, and between the steps of each exchange `between` is
  // called, until it says false.
  template <class Between>
  void talk_while(Between&& between) {
    Turns busy(all, kBusy), half_closed(all, kHalfClosed);
    bool goes_on = true;
    while (goes_on) {
      Exchange question(busy.next()), remainder(half_closed.next());
      goes_on = between();
      question.answer();
      remainder.answer();
      goes_on = between() && goes_on;
      question.end();
      remainder.end();
    }
  }
  // Handshakes are released and come to their end, all exchange once more, and half-closed ones end in order.
  void finish();

  Connections all;

 private:
  void open(const GatewayLab& lab, std::size_t family, Age age, std::uint16_t number);
  void complete_handshakes();
  void accept_handshakes(std::size_t family);
  void close_other_half(Connection& one);

  HeldHandshakes held_;
  std::map<std::pair<std::size_t, std::size_t>, UniqueFd> listening_;  // family, age
};

}  // namespace twinpath::test
