// frame_io.hpp - the engine's interface to packet I/O: implemented by the driver, and over plain memory in tests.
//
// Rules of ownership, threads and errors are the driver's (driver.hpp). A virtual call costs a nanosecond or two; a
// frame through a copy-mode socket costs a thousand.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "afxdp/frame.hpp"

namespace twinpath::afxdp {

inline constexpr std::uint32_t kBurstMax = 64;

enum class Wake : std::uint8_t { traffic, called, timeout };

// Of one device and queue, since its first socket was opened: frames queued for sending, and frames completed.
struct SentFrames {
  std::uint64_t queued = 0;
  std::uint64_t completed = 0;
};

// Packets that the kernel lost at the sockets.
struct Losses {
  std::uint64_t socket_full = 0;     // not received: the RX ring was full, or no frame was free
  std::uint64_t frame_too_long = 0;  // not received: longer than a frame
  std::uint64_t egress_refused = 0;  // taken from the TX ring, and not sent
};

class FrameIo {
 public:
  virtual ~FrameIo() = default;

  // Up to `burst` frames (kBurstMax at most); fewer mean that no other frame was waiting. Valid until the next call.
  [[nodiscard]] virtual std::span<Frame> receive(std::uint32_t burst) noexcept = 0;
  [[nodiscard]] virtual bool transmit(const Frame& frame, std::uint16_t device, std::uint16_t queue) noexcept = 0;
  virtual void release(std::uint32_t index) noexcept = 0;
  [[nodiscard]] virtual Frame allocate() noexcept = 0;
  virtual void flush() noexcept = 0;
  // flush() through the TX rings only: for held packets, of which many leave at once after they came in over a longer
  // time.
  virtual void flush_paced() noexcept = 0;
  [[nodiscard]] virtual Wake wait(std::chrono::milliseconds timeout) noexcept = 0;
  virtual void wake() noexcept = 0;
  [[nodiscard]] virtual SentFrames sent(std::uint16_t device, std::uint16_t queue) const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t engine_frames() const noexcept = 0;
  // Since the last call; those of closed sockets are included. A system call for each socket.
  [[nodiscard]] virtual Losses take_losses() noexcept { return {}; }
};

}  // namespace twinpath::afxdp
