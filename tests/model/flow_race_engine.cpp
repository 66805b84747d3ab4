#include "engine/env.hpp"

#include "common/decide/decide.h"
#include "common/parse/parse.h"

#include "differential/twin_side.hpp"
#include "model/flow_race_engine.hpp"

#include <cstring>

namespace twinpath::test {
namespace {

constexpr std::uint32_t kTick = 1;  // nothing grows old in a round

int decide(dp_env& env, const std::array<std::uint8_t, RACE_FRAME_BYTES>& frame, std::uint32_t port, dp_context& ctx) {
  ctx = {};
  ctx.now = kTick;
  ctx.side = DP_SIDE_ENGINE;
  ctx.packet.frame_bytes = RACE_FRAME_BYTES;
  ctx.packet.ingress = static_cast<__u16>(port);
  const int reason =
      dp_parse(frame.data(), frame.data() + frame.size(), RACE_FRAME_BYTES, env.ports[port].mac, &ctx.packet);
  if (reason) return reason;
  ctx.packet.ingress = static_cast<__u16>(port);
  ctx.packet.zone = env.ports[port].zone;
  return dp_decide(&env, &ctx);
}

// As the engine does with a packet that left: counts it, and the flow need not wait for it any more.
void send(dp_env& env, const dp_context& ctx) {
  const std::uint8_t family = ctx.packet.family;
  dp_flow_count(&env, family, ctx.view.slot, 1, RACE_FRAME_BYTES, kTick);
  if (ctx.view.link & DP_FLOW_HELD)
    dp_flow_change_flags(&env, family, ctx.view.slot, ctx.view.control, 0, DP_FLOW_HELD);
}

}  // namespace

RaceTally race_as_engine(const KernelSide& kernel, std::uint32_t port, race_side& mine, const race_side& other,
                         std::uint32_t flows) {
  dp_env env(tables_of(kernel), kernel.map("neighbours"));
  RaceTally tally{};
  std::array<std::uint8_t, RACE_FRAME_BYTES> frame;
  std::memcpy(frame.data(), mine.frame, frame.size());
  dp_context ctx;
  for (std::uint32_t i = 0; i < flows; ++i) {
    const std::uint32_t ports = race_ports(mine.at + 1, mine.mirrored);
    std::memcpy(&frame[mine.l4_offset], &ports, sizeof(ports));
    (void)race_next(&mine, &other);
    const int reason = decide(env, frame, port, ctx);
    if (reason == DP_NONE) send(env, ctx);
    ++tally[static_cast<std::size_t>(reason)];
  }
  return tally;
}

}  // namespace twinpath::test
