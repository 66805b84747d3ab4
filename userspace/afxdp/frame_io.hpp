// frame_io.hpp - what the engine asks of whoever moves frames: the driver, or memory in a test.
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

// Of one socket: frames queued for sending, and frames given back after it, since the socket's first opening.
struct SentFrames {
  std::uint64_t queued = 0;
  std::uint64_t completed = 0;
};

class FrameIo {
 public:
  virtual ~FrameIo() = default;

  // Fewer than `burst` frames (kBurstMax at most): nothing else was waiting. Good until the next call.
  [[nodiscard]] virtual std::span<Frame> receive(std::uint32_t burst) noexcept = 0;
  [[nodiscard]] virtual bool transmit(const Frame& frame, std::uint16_t port, std::uint16_t queue) noexcept = 0;
  virtual void release(std::uint32_t index) noexcept = 0;
  [[nodiscard]] virtual Frame allocate() noexcept = 0;
  virtual void flush() noexcept = 0;
  // As flush(), at the pace of sockets: for many packets that become due in one moment, and came in over a long one.
  virtual void flush_paced() noexcept = 0;
  [[nodiscard]] virtual Wake wait(std::chrono::milliseconds timeout) noexcept = 0;
  virtual void wake() noexcept = 0;
  [[nodiscard]] virtual SentFrames sent(std::uint16_t port, std::uint16_t queue) const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t engine_frames() const noexcept = 0;
};

}  // namespace twinpath::afxdp
