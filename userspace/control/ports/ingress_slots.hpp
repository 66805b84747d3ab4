// ingress_slots.hpp - the control side of `ingress`: from Linux's number of a device to ours (common/model/device.h).
//
// Removal  A slot keeps its ifindex when its device is removed, because an empty slot would end the search for those
//          behind it. It is given to the next device whose search passes it.
// Thread   the control thread's; the kernel datapath reads meanwhile.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "common/model/device.h"

namespace twinpath {

// Frames of device `ifindex` are those of `device`, and of `port` when they have no tag. Refused when every slot that its
// search passes belongs to another device.
[[nodiscard]] Status enter_ingress(std::span<dp_ingress> slots, std::uint32_t ifindex, std::uint16_t device,
                                   std::uint16_t port);
void leave_ingress(dp_ingress& slot);

}  // namespace twinpath
