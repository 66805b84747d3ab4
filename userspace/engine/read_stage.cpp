#include "engine/read_stage.hpp"

#include <cstring>

#include "common/model/metadata.h"
#include "engine/env.hpp"
// behind the lookups they call
#include "common/decide/station.h"
#include "common/parse/parse.h"
#include "common/parse/plain.h"

namespace twinpath {
namespace {

// The ingress port from the metadata; 0 when the frame has no valid metadata: it was steered by another program or an
// older version.
std::uint16_t ingress_of(const afxdp::Frame& frame) noexcept {
  dp_metadata metadata;
  std::memcpy(&metadata, frame.data - sizeof(metadata), sizeof(metadata));
  const bool ours = metadata.magic == DP_METADATA_MAGIC && metadata.version == DP_LAYOUT_VERSION &&
                    metadata.frame_bytes == frame.length;
  return ours ? metadata.port : 0;
}

}  // namespace

void ReadStage::run(std::span<Item> burst, std::uint32_t now) noexcept {
  for (Item& item : burst) {
    if (item.undecided()) read(item, now);
  }
}

void ReadStage::read(Item& item, std::uint32_t now) noexcept {
  dp_packet& packet = item.context.packet;
  const std::uint16_t ingress = ingress_of(item.frame);
  const dp_port* port = dp_env_port(&env_, ingress);
  item.context.known = 0;
  packet.frame_bytes = item.frame.length;
  if (ingress == 0 || port == nullptr || (port->flags & DP_PORT_PRESENT) == 0) return item.drop(DP_STALE_STEER);
  const std::uint8_t* frame = item.frame.data;
  const std::uint8_t* end = frame + item.frame.length;
  if (dp_parse_plain(frame, end, item.frame.length, port->mac, &packet) == 0) {
    const int reason = dp_parse(frame, end, item.frame.length, port->mac, &packet);
    if (reason != DP_NONE) return item.drop(reason);
  }
  packet.ingress = ingress;
  packet.zone = port->zone;
  dp_find_station(&env_, port, frame, &packet);
  item.context.now = now;
  item.context.side = DP_SIDE_ENGINE;
  counters_.received[ingress].add(item.frame.length);
}

}  // namespace twinpath
