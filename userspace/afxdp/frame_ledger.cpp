#include "afxdp/frame_ledger.hpp"

namespace twinpath::afxdp {

std::string_view name_of(Place place) noexcept {
  static constexpr std::array<std::string_view, kPlaces> names{"free", "fill",       "rx",         "engine",
                                                               "tx",   "completion", "application"};
  return names[static_cast<std::size_t>(place)];
}

FrameLedger::FrameLedger(std::uint32_t frames) : slots_(frames) {
  counts_[index(Place::free)].store(frames, std::memory_order_relaxed);
}

Status FrameLedger::check() const {
  std::array<std::uint32_t, kPlaces> recount{};
  for (const Where& slot : slots_) ++recount[index(slot.place)];
  std::uint64_t sum = 0;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    const std::uint32_t counted = counts_[place].load(std::memory_order_relaxed);
    sum += counted;
    if (counted != recount[place])
      return refuse("ledger: {} frames counted as {}, {} found", counted, name_of(static_cast<Place>(place)),
                    recount[place]);
  }
  if (sum != slots_.size()) return refuse("ledger: places sum to {} of {} frames", sum, slots_.size());
  return {};
}

}  // namespace twinpath::afxdp
