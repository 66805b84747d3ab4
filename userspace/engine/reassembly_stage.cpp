#include "engine/reassembly_stage.hpp"

namespace twinpath {
namespace {

constexpr std::uint32_t kLifetimeSeconds = 30;

}  // namespace

ReassemblyStage::ReassemblyStage(const ReassemblyLimits& limits, std::uint64_t seed, std::uint32_t ticks_per_second)
    : table_(limits.datagrams, seed, kLifetimeSeconds * ticks_per_second), limits_(limits) {
  if (limits_.hold_ticks == 0) limits_.hold_ticks = ticks_per_second;
  waiting_.reserve(limits_.waiting_total);
}

void ReassemblyStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (item.fate == Fate::undecided && (item.context.packet.flags & DP_PACKET_FRAGMENT) != 0) admit(item, now);
  }
}

void ReassemblyStage::admit(Item& item, std::uint32_t now) noexcept {
  dp_packet& packet = item.context.packet;
  const auto part = read_fragment({item.frame.data, item.frame.length}, packet);
  if (!part) return item.drop(DP_BAD_FRAGMENT);
  const auto [datagram, fate] = table_.admit(*part, now);
  if (fate == FragmentFate::scattered) return item.drop(DP_FRAGMENT_TIMEOUT);
  if (fate != FragmentFate::fits) return item.drop(DP_BAD_FRAGMENT);
  if ((packet.flags & DP_PACKET_FIRST_FRAGMENT) != 0) {
    datagram->facts = facts_of(packet);
    datagram->known = true;
  } else if (!datagram->known || datagram->waiting != 0) {
    return wait(item, *datagram, now);
  } else {
    apply(datagram->facts, packet);
  }
  if (datagram->waiting == 0 && datagram->complete()) table_.forget(*datagram);
}

void ReassemblyStage::wait(Item& item, Datagram& datagram, std::uint32_t now) noexcept {
  if (waiting_.size() >= limits_.waiting_total || datagram.waiting >= limits_.waiting_per_datagram)
    return item.drop(DP_FRAGMENT_TIMEOUT);
  item.fate = Fate::held;
  ++datagram.waiting;
  waiting_.push_back({item, table_.slot_of(datagram), datagram.serial, now});
}

// False also when the datagram is gone or was discarded meanwhile.
bool ReassemblyStage::still_waits(const Waiting& waiting, std::uint32_t now) noexcept {
  const Datagram* datagram = table_.find(waiting.slot, waiting.serial);
  if (datagram == nullptr || datagram->known || datagram->discarded) return false;
  return now - waiting.since <= limits_.hold_ticks;
}

void ReassemblyStage::leave(Waiting& waiting) noexcept {
  Item& item = waiting.item;
  Datagram* datagram = table_.find(waiting.slot, waiting.serial);
  item.fate = Fate::undecided;
  if (datagram == nullptr) return item.drop(DP_FRAGMENT_TIMEOUT);
  --datagram->waiting;
  if (datagram->discarded) return item.drop(DP_BAD_FRAGMENT);
  if (!datagram->known) return item.drop(DP_FRAGMENT_TIMEOUT);
  apply(datagram->facts, item.context.packet);
  if (datagram->waiting == 0 && datagram->complete()) table_.forget(*datagram);
}

}  // namespace twinpath
