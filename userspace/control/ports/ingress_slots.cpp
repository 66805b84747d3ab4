#include "control/ports/ingress_slots.hpp"

#include <atomic>

namespace twinpath {
namespace {

// The slot that has this ifindex, else the first that no device has.
dp_ingress* slot_for(std::span<dp_ingress> slots, std::uint32_t ifindex) {
  dp_ingress* unused = nullptr;
  for (std::uint32_t probe = 0; probe < DP_INGRESS_PROBES; ++probe) {
    dp_ingress& slot = slots[dp_ingress_slot(ifindex, probe)];
    if (slot.ifindex == ifindex) return &slot;
    if (slot.device == 0 && unused == nullptr) unused = &slot;
    if (slot.ifindex == 0) break;
  }
  return unused;
}

}  // namespace

Status enter_ingress(std::span<dp_ingress> slots, std::uint32_t ifindex, std::uint16_t device, std::uint16_t port) {
  dp_ingress* slot = slot_for(slots, ifindex);
  if (slot == nullptr)
    return refuse(
        "device number {} of Linux finds no place among those of the other ports ({} and the {} before it, "
        "modulo {}): make the device anew, so that Linux gives it another number",
        ifindex, ifindex, DP_INGRESS_PROBES - 1, int{DP_INGRESS_SLOTS});
  std::atomic_ref(slot->port).store(port, std::memory_order_relaxed);
  std::atomic_ref(slot->device).store(device, std::memory_order_relaxed);
  std::atomic_ref(slot->ifindex).store(ifindex, std::memory_order_release);
  return {};
}

void leave_ingress(dp_ingress& slot) {
  std::atomic_ref(slot.device).store(0, std::memory_order_relaxed);
  std::atomic_ref(slot.port).store(0, std::memory_order_relaxed);
}

}  // namespace twinpath
