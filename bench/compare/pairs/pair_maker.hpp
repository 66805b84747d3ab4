// pair_maker.hpp - puts decided flows into the table of a running gateway, as if their packets had been there before.
//
//   auto maker = PairMaker::create(gateway, {.rewrite = true});
//   auto made = maker->install(1000);
//
// Decision  the first flow (numbered_flow.hpp) is judged by the product's own dp_judge, over the gateway's own tables:
//           zones, rule, next hops and stamp of all pairs are what it says. A policy that forbids the flows is refused.
// Rewrite   masquerading: number n leaves with source 198.20.0.1 + n / 64512, port 65535 - n % 64512, which is never the
//           one it came with.
// State     assured, both halves: every packet in either direction is a plain hit until the timeout.
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

  // Flows 0 … `flows` - 1. Stops at the first that finds no place.
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
