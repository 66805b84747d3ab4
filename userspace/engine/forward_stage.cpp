#include "engine/forward_stage.hpp"

#include "engine/env.hpp"
// behind the lookups they call
#include "common/edit/forward.h"

namespace twinpath {

void ForwardStage::run(std::span<Item> burst, std::uint32_t) noexcept {
  for (Item& item : burst) {
    if (item.undecided()) forward(item);
  }
}

void ForwardStage::forward(Item& item) noexcept {
  const dp_context& context = item.context;
  const dp_next_hop* hop = dp_env_next_hop(&env_, context.next_hop);
  const dp_port* ingress = dp_env_port(&env_, context.packet.ingress);
  if (hop == nullptr || ingress == nullptr) return item.drop(DP_INTERNAL);
  std::uint8_t* end = item.frame.data + item.frame.length;
  if ((ingress->flags & DP_PORT_WORKLOAD) != 0 && dp_checksum_l4(item.frame.data, end, &context.packet) == 0)
    return item.drop(DP_INTERNAL);
  const __u16 tag = dp_next_hop_tag(hop);
  const int growth = dp_forward_growth(&context.packet, tag);
  item.frame.data -= growth;
  item.frame.length += static_cast<std::uint32_t>(growth);
  if (dp_forward(item.frame.data, end, &context.packet, &context.view, hop, tag) == 0) return item.drop(DP_INTERNAL);
  item.egress = hop->port;
  item.egress_device = hop->device;
  item.egress_tag = tag;
  item.fate = Fate::send;
}

}  // namespace twinpath
