// sockets.hpp - opening and closing the AF_XDP sockets of ports: what the driver can be asked while it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "afxdp/umem.hpp"
#include "base/result.hpp"

namespace twinpath::afxdp {

// What the operator asked for (`sockets` of a port). Automatic is copy: a devmap redirect out of a zero-copy queue
// copies every packet.
enum class SocketWish : std::uint8_t { automatic, copy, zerocopy };

struct SocketRequest {
  std::uint16_t port = 0;
  std::uint32_t ifindex = 0;
  std::uint16_t queue = 0;
  SocketWish wish = SocketWish::automatic;
  std::optional<std::chrono::milliseconds> patience{};  // instead of SocketOptions::patience: none beside a busy engine
};

// The rung of the ladder zero-copy → copy that was reached.
struct SocketReport {
  int fd = -1;  // for the XSKMAP; stays the driver's
  SocketMode mode = SocketMode::copy;
  std::string fallback;  // why not zero-copy, when that was asked for; else empty
};

// On the driver's thread, between two bursts.
class Sockets {
 public:
  virtual ~Sockets() = default;
  [[nodiscard]] virtual Result<SocketReport> add_socket(const SocketRequest& request) = 0;
  virtual void remove_port(std::uint16_t port) = 0;
  virtual void set_redirects(std::uint16_t port, bool takes) noexcept = 0;
};

}  // namespace twinpath::afxdp
