// classifier.cpp - one decision of dp_classify as rules become many: the last of them matches.
//
//   classify/port     rules with one destination port each
//   classify/source   rules with one source prefix each, and the packet's port

#include "bench/micro/families.hpp"
#include "bench/micro/measure.hpp"
#include "bench/micro/rule_document.hpp"
#include "engine/env.hpp"
// behind the lookups it calls
#include "common/decide/classify.h"

namespace twinpath::bench {
namespace {

// What the last rule of the image is for.
dp_packet packet_for_last(const TableImage& image) {
  const dp_rule& rule = image.rules.back();
  dp_packet packet{};
  packet.family = DP_FAMILY_V4;
  packet.protocol = DP_PROTOCOL_UDP;
  packet.zone = image.zone("inside");
  packet.source = rule.source;
  packet.destination.word[0] = dp_htonl(0xcb007101);  // 203.0.113.1
  packet.source_port = dp_htons(40000);
  packet.destination_port = dp_htons(rule.destination_port_low);
  return packet;
}

void classify(benchmark::State& state, Differ differ) {
  const auto image = rule_image(static_cast<std::uint32_t>(state.range(0)), differ);
  if (!image) return state.SkipWithError(image.error().text.c_str());
  dp_env env;
  env.zone_pairs = image->zone_pairs;
  env.rules = image->rules;
  dp_packet packet = packet_for_last(*image);
  const std::uint8_t to = image->zone("outside");
  for (auto _ : state) {
    dp_match match{};
    benchmark::DoNotOptimize(&packet);
    const int action = dp_classify(&env, 0, &packet, to, &match);
    if (action != DP_ACTION_ALLOW || match.rule != image->rules.back().id) {
      state.SkipWithError("the last rule did not match");
      break;
    }
  }
  report_each(state, 1);
}

void shape(benchmark::internal::Benchmark* family) {
  family->ArgName("rules")->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Arg(DP_RULES_MAX);
}

}  // namespace

void add_classifier() {
  shape(benchmark::RegisterBenchmark("classify/port", classify, Differ::port));
  shape(benchmark::RegisterBenchmark("classify/source", classify, Differ::source));
}

}  // namespace twinpath::bench
