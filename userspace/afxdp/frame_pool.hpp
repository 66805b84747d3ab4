// frame_pool.hpp - frame memory, its ledger and the stack of free frames, kept in step.
//
// Rule     a frame is on the stack exactly when the ledger says free. Only take() and give_back() change either, so a
//          double free can never put a frame on the stack twice.
// Order    last in, first out: the frame used last is warm in the cache.
// Thread   the driver's. No allocation after create().
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <vector>

#include "afxdp/frame_ledger.hpp"
#include "afxdp/frame_memory.hpp"

namespace twinpath::afxdp {

class FramePool {
 public:
  [[nodiscard]] static Result<FramePool> create(std::uint32_t frames, std::uint32_t frame_bytes);

  // Moves a free frame to `to`; kNoFrame when none is left.
  [[nodiscard]] std::uint32_t take(Where to) noexcept {
    if (free_.empty()) return kNoFrame;
    const std::uint32_t frame = free_.back();
    if (!ledger_->move(frame, kFree, to)) return kNoFrame;
    free_.pop_back();
    return frame;
  }
  // The frame becomes free; false when it is not at `from`.
  bool give_back(std::uint32_t frame, Where from) noexcept {
    if (!ledger_->move(frame, from, kFree)) return false;
    free_.push_back(frame);  // within the capacity reserved at creation: there are no more frames than that
    return true;
  }
  // Moves a frame between places other than free.
  [[nodiscard]] bool move(std::uint32_t frame, Where from, Where to) noexcept {
    assert(from.place != Place::free && to.place != Place::free);
    return ledger_->move(frame, from, to);
  }

  // Moves every frame that `owner` has in a place of the kernel (fill, rx, tx, completion); not for the packet loop.
  void move_all(Owner owner, Where to) noexcept;

  [[nodiscard]] std::uint32_t free_frames() const noexcept { return static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] const FrameMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] const FrameLedger& ledger() const noexcept { return *ledger_; }
  // Checks the ledger, and that the stack has exactly its free frames.
  [[nodiscard]] Status check() const;

 private:
  explicit FramePool(FrameMemory memory);

  FrameMemory memory_;
  std::unique_ptr<FrameLedger> ledger_;  // holds atomics: cannot move
  std::vector<std::uint32_t> free_;
};

}  // namespace twinpath::afxdp
