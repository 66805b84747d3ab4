// sockets.hpp - opening and closing the AF_XDP sockets of devices while the driver runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "afxdp/umem.hpp"
#include "base/result.hpp"

namespace twinpath::afxdp {

// The configured mode (`sockets` of a port). Automatic is copy: a devmap redirect out of a zero-copy queue
// copies every packet.
enum class SocketWish : std::uint8_t { automatic, copy, zerocopy };

struct SocketRequest {
  std::uint16_t device = 0;  // number
  std::uint32_t ifindex = 0;
  std::uint16_t queue = 0;
  SocketWish wish = SocketWish::automatic;
  // Overrides SocketOptions::bind_timeout; 0 where a wait would block the engine.
  std::optional<std::chrono::milliseconds> bind_timeout{};
};

// The opened socket. Zero-copy that the device refuses falls back to copy.
struct SocketReport {
  int fd = -1;  // for the XSKMAP; the driver owns it
  SocketMode mode = SocketMode::copy;
  std::string fallback;  // why not zero-copy, when it was requested; else empty
};

// On the driver's thread, between two bursts.
class Sockets {
 public:
  virtual ~Sockets() = default;
  [[nodiscard]] virtual Result<SocketReport> add_socket(const SocketRequest& request) = 0;
  virtual void remove_device(std::uint16_t device) = 0;
  virtual void set_redirects(std::uint16_t device, bool takes) noexcept = 0;
};

}  // namespace twinpath::afxdp
