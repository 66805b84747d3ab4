#include "afxdp/frame_pool.hpp"

namespace twinpath::afxdp {
namespace {

bool is_with_kernel(Place place) noexcept {
  return place == Place::fill || place == Place::rx || place == Place::tx || place == Place::completion;
}

}  // namespace

Result<FramePool> FramePool::create(std::uint32_t frames, std::uint32_t frame_bytes) {
  auto memory = FrameMemory::create(frames, frame_bytes);
  if (!memory) return pass_on(std::move(memory.error()));
  return FramePool{std::move(*memory)};
}

FramePool::FramePool(FrameMemory memory)
    : memory_(std::move(memory)), ledger_(std::make_unique<FrameLedger>(memory_.frames())) {
  free_.reserve(memory_.frames());
  for (std::uint32_t frame = memory_.frames(); frame-- > 0;) free_.push_back(frame);
}

void FramePool::move_all(Owner owner, Where to) noexcept {
  for (std::uint32_t frame = 0; frame < ledger_->frames(); ++frame) {
    const Where from = ledger_->where(frame);
    if (from.owner != owner || !is_with_kernel(from.place)) continue;
    if (to == kFree)
      give_back(frame, from);
    else
      static_cast<void>(move(frame, from, to));
  }
}

Status FramePool::check() const {
  if (auto good = ledger_->check(); !good) return good;
  if (free_.size() != ledger_->count(Place::free))
    return refuse("ledger: {} free frames, {} on the free stack", ledger_->count(Place::free), free_.size());
  for (const std::uint32_t frame : free_)
    if (ledger_->where(frame) != kFree) return refuse("ledger: frame {} is on the free stack but not free", frame);
  return {};
}

}  // namespace twinpath::afxdp
