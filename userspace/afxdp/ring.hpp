// ring.hpp - the four rings a socket shares with the kernel, as one class per direction.
//
// Shape    a power of two of entries and two free-running 32-bit counters; each side writes one of them.
// Thread   one in this process. The kernel is the other side, so counters are read with acquire and written with
//          release.
// Start    cached counters begin at the values in the mapping.
// Source   net/xdp/xsk_queue.h, "The operations on the rings are the following".
#pragma once

#include <linux/if_xdp.h>

#include <atomic>
#include <cstdint>

#include "base/result.hpp"

namespace twinpath::afxdp {

// Addresses of the parts of a ring. Owns nothing.
struct RingView {
  std::uint32_t* producer = nullptr;
  std::uint32_t* consumer = nullptr;
  std::uint32_t* flags = nullptr;
  void* entries = nullptr;
  std::uint32_t size = 0;
};

// The mapping of one ring of a socket.
class RingMapping {
 public:
  RingMapping() = default;
  RingMapping(RingMapping&& other) noexcept;
  RingMapping& operator=(RingMapping&& other) noexcept;
  RingMapping(const RingMapping&) = delete;
  RingMapping& operator=(const RingMapping&) = delete;
  ~RingMapping();

  // `page_offset` says which ring (XDP_PGOFF_RX_RING ...); `offsets` comes from XDP_MMAP_OFFSETS.
  [[nodiscard]] static Result<RingMapping> map(int fd, std::uint64_t page_offset, const xdp_ring_offset& offsets,
                                               std::uint32_t size, std::uint32_t entry_bytes);
  [[nodiscard]] const RingView& view() const noexcept { return view_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  RingView view_;
};

// This side writes, the kernel reads: fill (addresses) and TX (descriptors).
template <class Entry>
class ProducerRing {
 public:
  ProducerRing() = default;
  explicit ProducerRing(const RingView& view) noexcept
      : view_(view), written_(load(view.producer)), cached_consumer_(load(view.consumer)) {}

  // Entries that can be pushed. Reads the kernel's counter only when fewer than `wanted` are known to be free.
  [[nodiscard]] std::uint32_t room(std::uint32_t wanted) noexcept {
    if (known_room() < wanted) cached_consumer_ = load(view_.consumer);
    return known_room();
  }
  // Precondition: room() is not 0. The kernel sees the entry after publish().
  void push(const Entry& entry) noexcept { static_cast<Entry*>(view_.entries)[written_++ & (view_.size - 1)] = entry; }
  void publish() noexcept {
    std::atomic_ref<std::uint32_t>(*view_.producer).store(written_, std::memory_order_release);
  }
  // Published entries that the kernel has not taken yet.
  [[nodiscard]] std::uint32_t undone() const noexcept { return *view_.producer - load(view_.consumer); }
  [[nodiscard]] bool needs_wakeup() const noexcept { return (load(view_.flags) & XDP_RING_NEED_WAKEUP) != 0; }

 private:
  static std::uint32_t load(std::uint32_t* counter) noexcept {
    return std::atomic_ref<std::uint32_t>(*counter).load(std::memory_order_acquire);
  }
  std::uint32_t known_room() const noexcept { return view_.size - (written_ - cached_consumer_); }

  RingView view_;
  std::uint32_t written_ = 0;
  std::uint32_t cached_consumer_ = 0;
};

// The kernel writes, this side reads: RX (descriptors) and completion (addresses).
template <class Entry>
class ConsumerRing {
 public:
  ConsumerRing() = default;
  explicit ConsumerRing(const RingView& view) noexcept
      : view_(view), read_(load(view.consumer)), cached_producer_(load(view.producer)) {}

  // Entries that wait, `most` at most. Reads the kernel's counter only when fewer than `most` are known.
  [[nodiscard]] std::uint32_t waiting(std::uint32_t most) noexcept {
    if (cached_producer_ - read_ < most) cached_producer_ = load(view_.producer);
    const std::uint32_t count = cached_producer_ - read_;
    return count < most ? count : most;
  }
  // The n-th of the waiting entries.
  [[nodiscard]] Entry peek(std::uint32_t n) const noexcept {
    return static_cast<const Entry*>(view_.entries)[(read_ + n) & (view_.size - 1)];
  }
  // Gives the first `count` entries back to the kernel.
  void release(std::uint32_t count) noexcept {
    read_ += count;
    std::atomic_ref<std::uint32_t>(*view_.consumer).store(read_, std::memory_order_release);
  }

 private:
  static std::uint32_t load(std::uint32_t* counter) noexcept {
    return std::atomic_ref<std::uint32_t>(*counter).load(std::memory_order_acquire);
  }

  RingView view_;
  std::uint32_t read_ = 0;
  std::uint32_t cached_producer_ = 0;
};

}  // namespace twinpath::afxdp
