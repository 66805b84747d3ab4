// frame.hpp - one packet's bytes in frame memory, as driver and engine pass them.
//
// Shape    a value of 24 bytes; copying it does not copy the packet.
// Data     points at the packet's first byte inside frame `index`. The engine may move it (push or pop a tag), within
//          the frame. Received frames have kFrameHeadroom bytes below, of which the last 32 are the metadata that XDP
//          wrote (common/model/metadata.h), when it wrote any.
// Owner    the frame's owner in the ledger. Between receive() and transmit() or release(): the engine.
// Source   XDP_PACKET_HEADROOM in linux/bpf.h: the kernel leaves 256 bytes in front of each received packet.
#pragma once

#include <cstdint>

namespace twinpath::afxdp {

inline constexpr std::uint32_t kFrameHeadroom = 256;
inline constexpr std::uint32_t kNoFrame = UINT32_MAX;

struct Frame {
  std::uint8_t* data = nullptr;
  std::uint32_t length = 0;
  std::uint32_t index = kNoFrame;
  std::uint16_t device = 0;  // that it came in by; 0 when the engine made the frame
  std::uint16_t queue = 0;

  [[nodiscard]] explicit operator bool() const noexcept { return data != nullptr; }
};

}  // namespace twinpath::afxdp
