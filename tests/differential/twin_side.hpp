// twin_side.hpp - the C++ build of the same verbs, answering for one frame what bpf/xdp/gateway.bpf.c should.
//
// Tables   what the control plane writes is read from the kernel side's maps; flow tables, budgets, counters and the
//          context of the slow path are its own.
// Path     every packet is decided by look and commit, so what the kernel's fast path (hit.h) lets through is held against
//          the full decision. hits() says that the fast path should have been enough.
// Time     the tick is the caller's: whatever the kernel side has read.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/model/context.h"
#include "common/model/counters.h"
#include "common/model/event.h"
#include "differential/kernel_side.hpp"
#include "engine/env.hpp"

struct dp_hit;

namespace twinpath::test {

// A connection of the host: where its packets come from and go to, as in a packet that arrives.
struct Connection {
  std::uint8_t family = 0;
  std::uint8_t protocol = 0;
  dp_address source{};
  dp_address destination{};
  std::uint16_t source_port = 0;  // host order
  std::uint16_t destination_port = 0;
};

// What the world (world.hpp) put into the kernel that the twin cannot read as memory.
struct Attachments {
  std::vector<std::pair<dp_vlan_key, std::uint32_t>> vlan_ports;
  std::array<bool, DP_DEVICES_MAX> sends{};   // has an entry in tx_devices
  std::array<bool, DP_SOCKETS_MAX> socket{};  // has an entry in sockets
  std::vector<Connection> connections;
};

class TwinSide {
 public:
  TwinSide(KernelSide& kernel, const Attachments& attachments);
  TwinSide(const TwinSide&) = delete;
  TwinSide& operator=(const TwinSide&) = delete;

  // Would the kernel's fast path take it? Changes nothing. `hit` then says in which entry the kernel notes the tick.
  dp_hit_verdict hits(const Arrival& arrival, struct dp_hit& hit);
  // The frame that the fast path writes.
  [[nodiscard]] static Bytes frame_of_hit(const struct dp_hit& hit, const Arrival& arrival);
  Outcome run(const Arrival& arrival, std::uint32_t now, dp_hit_verdict hit);

  [[nodiscard]] const dp_context& context() const { return slow_; }
  [[nodiscard]] dp_env* env() { return &env_; }
  // Reason, rule and ports of the last packet, to know which counters to look at.
  struct Last {
    int reason = 0;
    std::uint32_t rule = 0;
    std::uint32_t ingress = 0;
    std::uint32_t parent = 0;
    std::uint32_t egress = 0;
    std::optional<dp_event> event;
  };
  [[nodiscard]] const Last& last() const { return last_; }

  std::vector<dp_flow_bucket4> flows4;
  std::vector<dp_flow_bucket6> flows6;
  std::vector<dp_flow_cold> flows4_cold;
  std::vector<dp_flow_cold> flows6_cold;
  std::vector<dp_budget_window> budgets;
  std::array<dp_counter, DP_REASONS> reasons{};
  std::array<dp_rule_counters, DP_RULE_IDS_MAX> rule_hits{};
  std::array<dp_port_counters, DP_PORTS_MAX> port_counters{};

 private:
  [[nodiscard]] std::uint32_t port_of(std::uint32_t ifindex) const;
  [[nodiscard]] const dp_device& device_under(std::uint32_t port) const {
    return env_.devices[env_.ports[port].device];
  }
  [[nodiscard]] bool host_waits_for(const dp_packet& packet) const;
  void log(const dp_context& ctx, int reason);
  int read_frame(dp_context& ctx, const Arrival& arrival, std::uint32_t number);
  int decide(dp_context& ctx, const Arrival& arrival);
  void look(const dp_context& ctx);
  Outcome finish(dp_context& ctx, const Arrival& arrival, int reason);
  Outcome forward(dp_context& ctx, const Arrival& arrival);
  Outcome steer(dp_context& ctx, const Arrival& arrival, int reason);
  Outcome stay(const dp_context& ctx, const Arrival& arrival, int reason);

  const Attachments& attachments_;
  dp_env env_;
  dp_context slow_{};
  std::uint32_t looks_ = 0;
  std::uint8_t searched_ = DP_SEARCHED_NOT;  // what hits() has found out
  Last last_;
};

}  // namespace twinpath::test
