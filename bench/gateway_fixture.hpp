// gateway_fixture.hpp - the kernel datapath loaded with the smallest tables that forward: two ports, one rule, two
// neighbours. For measuring programs by test run; nothing is attached but a generic hook on `lo`.
//
// Why lo   a test run of a program that is attached nowhere waits for a grace period each time (24 ms instead of 15 µs).
// Why own  both ports and both next hops have the same MAC address: a frame that was forwarded once can be run again, and
// MACs     a run of many repeats stays on the same path until its TTL is used up.
// Place    needs root and a network namespace of its own (the caller's business): it attaches to `lo`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "common/model/device.h"
#include "common/model/flow.h"
#include "common/model/next_hop.h"
#include "common/model/port.h"
#include "common/model/settings.h"
#include "kernel/bpf_map.hpp"
// behind the structs of its maps
#include "bpf/gateway.skel.h"

namespace twinpath::bench {

inline constexpr std::array<std::uint8_t, 6> kMac{2, 0, 0, 0, 0, 1};
inline constexpr int kHopLimit = 255;
inline constexpr int kRepeat = 250;  // below the hop limit: a frame loses one with each run

struct Run {
  double nanoseconds = 0;    // per packet, as the kernel measured it
  std::uint32_t action = 0;  // enum xdp_action of the last packet
};

class GatewayFixture {
 public:
  [[nodiscard]] static Result<std::unique_ptr<GatewayFixture>> create(std::uint32_t max_pairs);
  ~GatewayFixture();
  GatewayFixture(const GatewayFixture&) = delete;
  GatewayFixture& operator=(const GatewayFixture&) = delete;

  // Runs `program` over the frame `repeat` times.
  [[nodiscard]] Result<Run> run(const bpf_program* program, std::span<const std::uint8_t> frame, int repeat) const;
  // Which port frames seem to come in by from now on: 1 or 2.
  void enter_by(std::uint32_t port);
  // Whether a stage enters the one behind it. Otherwise a run of a program is that stage alone: it leaves its work in the
  // scratch of its CPU, where the program of the next stage takes it up.
  [[nodiscard]] Status connect_stages(bool connected) const;
  // Makes the live IPv4 halves that packets of this source port belong to translated ones. Their new addresses and ports
  // are those that they had: so a frame that was translated once can be run again. The number of halves.
  [[nodiscard]] Result<int> translate(std::uint16_t source_port) const;
  [[nodiscard]] gateway_bpf& skeleton() const { return *skeleton_; }

 private:
  GatewayFixture() = default;
  [[nodiscard]] Status load(std::uint32_t max_pairs);
  [[nodiscard]] Status fill();
  [[nodiscard]] Status fill_routes();

  struct Destroy {
    void operator()(gateway_bpf* skeleton) const noexcept { gateway_bpf__destroy(skeleton); }
  };
  std::unique_ptr<gateway_bpf, Destroy> skeleton_;
  std::uint32_t max_pairs_ = 0;
  bool attached_ = false;
};

}  // namespace twinpath::bench
