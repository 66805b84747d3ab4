#include "afxdp/umem.hpp"

#include <linux/if_xdp.h>
#include <sys/socket.h>

namespace twinpath::afxdp {

std::string_view name_of(SocketMode mode) noexcept { return mode == SocketMode::zerocopy ? "zerocopy" : "copy"; }

Status Umem::register_on(int socket) const {
  xdp_umem_reg region{};
  region.addr = reinterpret_cast<std::uintptr_t>(memory_.base());
  region.len = memory_.bytes();
  region.chunk_size = memory_.frame_bytes();
  if (::setsockopt(socket, SOL_XDP, XDP_UMEM_REG, &region, sizeof(region)) != 0)
    return fail(errno, "register {} frames of {} bytes as UMEM", memory_.frames(), memory_.frame_bytes());
  return {};
}

}  // namespace twinpath::afxdp
