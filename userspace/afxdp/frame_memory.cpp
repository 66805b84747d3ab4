#include "afxdp/frame_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <bit>

namespace twinpath::afxdp {
namespace {

// A page of a memfd is allocated at first access, and an access when memory is short ends the process: allocate all
// first.
Result<UniqueFd> sealed_memfd(std::size_t bytes) {
  UniqueFd fd{::memfd_create("twinpath-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!fd) return fail(errno, "create frame memory");
  if (const int code = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)); code != 0)
    return fail(code, "allocate {} bytes of frame memory", bytes);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return fail(errno, "seal frame memory");
  return fd;
}

}  // namespace

Result<FrameMemory> FrameMemory::create(std::uint32_t frames, std::uint32_t frame_bytes) {
  if (frame_bytes != 2048 && frame_bytes != 4096) return refuse("frame_bytes is {}: 2048 or 4096", frame_bytes);
  if (frames == 0 || frames == kNoFrame) return refuse("frames is {}: at least 1", frames);
  const std::size_t bytes = std::size_t{frames} * frame_bytes;
  auto fd = sealed_memfd(bytes);
  if (!fd) return pass_on(std::move(fd.error()));
  auto mapping = Mapping::shared(fd->get(), bytes);
  if (!mapping) return pass_on(std::move(mapping.error()));
  if (::madvise(mapping->data(), bytes, MADV_POPULATE_WRITE) != 0) return fail(errno, "populate frame memory");
  const auto shift = static_cast<std::uint32_t>(std::countr_zero(frame_bytes));
  return FrameMemory{std::move(*fd), std::move(*mapping), frames, shift};
}

}  // namespace twinpath::afxdp
