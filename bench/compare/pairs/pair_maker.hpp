// pair_maker.hpp - inserts decided flows into the flow table of a running gateway, without sending their packets.
//
//   auto maker = PairMaker::create(gateway, {.rewrite = true});
//   auto made = maker->install(1000);
//
// Decision  dp_judge, with the gateway's tables, judges the first flow (numbered_flow.hpp): all pairs get zones, rule, next
//           hops and stamp from its verdict. create() fails when the policy drops the flow.
// NAT       masquerading: flow n leaves with source 198.20.0.1 + n / 64512, port 65535 - n % 64512, which is never its own
//           source port.
// State     assured: every packet in either direction is a plain hit until the timeout.
// Thread    one. The gateway may be forwarding meanwhile.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "bench/compare/pairs/pinned_gateway.hpp"
#include "common/model/context.h"

namespace twinpath::bench {

struct PairOptions {
  bool rewrite = true;
};

class PairMaker {
 public:
  [[nodiscard]] static Result<PairMaker> create(PinnedGateway& gateway, const PairOptions& options);

  // Flows 0 … `flows` - 1. Stops at the first one that the table has no free way for.
  [[nodiscard]] Status install(std::uint32_t flows);

 private:
  PairMaker(PinnedGateway& gateway, const PairOptions& options) : gateway_(gateway), options_(options) {}
  [[nodiscard]] Status decide();
  [[nodiscard]] Status install_one(std::uint32_t number);
  [[nodiscard]] dp_flow_half forward_of(std::uint32_t number) const;
  [[nodiscard]] dp_flow_half reverse_of(const dp_flow_half& forward) const;

  PinnedGateway& gateway_;
  PairOptions options_;
  dp_flow_half forward_{};  // what all pairs have in common
  dp_flow_half reverse_{};
};

}  // namespace twinpath::bench
