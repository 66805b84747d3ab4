// umem.hpp - frame memory registered with the kernel once for all sockets of one mode.
//
// Rule     sockets that share a UMEM share zero-copy or copy as well, so a driver has one Umem per mode over the same
//          memory. The first socket registers the memory on itself; each later one binds with XDP_SHARED_UMEM, naming
//          any socket that is bound. When the last one is closed, the next one registers again.
// Why raw  the kernel's interface is used directly instead of libxdp's xsk.h. In 1.3.1 the first socket *is* the
//          UMEM's fd, so removing that port leaves its queue bound until the end; and create_shared() binds before the
//          caller can see, let alone fill, the fill ring.
// Owner    borrows the memory; must outlive its sockets.
// Thread   the driver's.
#pragma once

#include <vector>

#include "afxdp/frame_memory.hpp"
#include "base/result.hpp"

namespace twinpath::afxdp {

enum class SocketMode : std::uint8_t { copy, zerocopy };
[[nodiscard]] std::string_view name_of(SocketMode mode) noexcept;

class Umem {
 public:
  Umem(const FrameMemory& memory, SocketMode mode) : memory_(memory), mode_(mode) {}

  [[nodiscard]] SocketMode mode() const noexcept { return mode_; }
  // The fd of a bound socket to share with; -1 when there is none.
  [[nodiscard]] int anchor() const noexcept { return bound_.empty() ? -1 : bound_.front(); }
  // Registers the memory on a socket; only when there is no anchor.
  [[nodiscard]] Status register_on(int socket) const;
  void joined(int socket) { bound_.push_back(socket); }
  void left(int socket) noexcept { std::erase(bound_, socket); }

 private:
  const FrameMemory& memory_;
  SocketMode mode_;
  std::vector<int> bound_;
};

}  // namespace twinpath::afxdp
