// rule_env.hpp - an env for the classifier alone: two banks of zone pairs and rules in memory, and nothing else.
//
// One test program includes it once: it completes struct dp_env.
#pragma once

#include <array>
#include <cstdint>

// Only two of env.h's functions get a body here: a classifier that asks for another one does not link.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "common/env.h"
#pragma GCC diagnostic pop

#include "config/compile.hpp"

struct dp_env {
  std::array<const twinpath::TableImage*, DP_BANKS> banks{};
};

static inline const dp_zone_pair* dp_env_zone_pair(dp_env* env, __u32 bank, __u32 index) {
  const twinpath::TableImage* image = bank < DP_BANKS ? env->banks[bank] : nullptr;
  return image != nullptr && index < image->zone_pairs.size() ? &image->zone_pairs[index] : nullptr;
}

static inline const dp_rule* dp_env_rule(dp_env* env, __u32 bank, __u32 index) {
  const twinpath::TableImage* image = bank < DP_BANKS ? env->banks[bank] : nullptr;
  return image != nullptr && index < image->rules.size() ? &image->rules[index] : nullptr;
}

#include "common/decide/classify.h"

namespace twinpath {

// What the classifier says of `packet` on its way to `to_zone`, with `image` in bank `bank`.
inline dp_match classify(const TableImage& image, const dp_packet& packet, std::uint8_t to_zone, __u32 bank = 0) {
  dp_env env;
  env.banks.at(bank) = &image;
  dp_match match{};
  (void)dp_classify(&env, bank, &packet, to_zone, &match);
  return match;
}

}  // namespace twinpath
