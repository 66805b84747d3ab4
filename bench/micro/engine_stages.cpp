// engine_stages.cpp - the engine: nanoseconds per packet of each stage, and of a whole turn, for decided flows.
//
//   engine/STAGE   one stage over bursts of 64, the stages before it having run; "nothing" is a stage that does nothing
//   engine/turn    Engine::turn(): receive, all stages, transmit, accounting. What sockets cost is not in it

#include <fmt/format.h>

#include <algorithm>

#include "bench/micro/engine_gateway.hpp"
#include "bench/micro/families.hpp"
#include "bench/micro/measure.hpp"

namespace twinpath::bench {
namespace {

using Gateways = std::shared_ptr<Kept<EngineGateway>>;

// Setting a burst up takes longer than most stages do, so time cannot tell when there were enough.
constexpr benchmark::IterationCount kBursts = 10000;

EngineGateway* gateway_for(benchmark::State& state, const Gateways& gateways) {
  EngineGateway& gateway = gateways->of(static_cast<std::uint32_t>(state.range(0)));
  if (!gateway.decided()) {
    state.SkipWithError("not every packet was forwarded while the flows began");
    return nullptr;
  }
  gateway.shuffle(state.range(1) != 0);
  return &gateway;
}

bool is_forwarded(const Item& item) {
  return item.fate == Fate::send && item.egress == test::kWan && item.context.known != 0 &&
         (item.context.view.link & DP_FLOW_USER) != 0 && dp_flow_state_of(item.context.view.control) == DP_FLOW_ASSURED;
}

void measure_stage(benchmark::State& state, const Gateways& gateways, std::string_view name) {
  EngineGateway* gateway = gateway_for(state, gateways);
  if (gateway == nullptr) return;
  const std::span<Stage* const> stages = gateway->stages().all();
  const auto timed = std::ranges::find(stages, name, &Stage::name);
  if (timed == stages.end()) return state.SkipWithError("the engine has no such stage");
  for (auto _ : state) {
    const std::span<Item> burst = gateway->next_items();
    const std::uint32_t now = gateway->now();
    std::for_each(stages.begin(), timed, [&](Stage* stage) { stage->run(burst, now); });
    state.SetIterationTime(seconds_of([&] { (*timed)->run(burst, now); }));
    std::for_each(timed + 1, stages.end(), [&](Stage* stage) { stage->run(burst, now); });
    if (!std::ranges::all_of(burst, is_forwarded)) {
      state.SkipWithError("a packet was not forwarded as one of a decided flow");
      break;
    }
  }
  report_each(state, afxdp::kBurstMax);
}

void measure_turn(benchmark::State& state, const Gateways& gateways) {
  EngineGateway* gateway = gateway_for(state, gateways);
  if (gateway == nullptr) return;
  for (auto _ : state) {
    gateway->arrive_next();
    const std::uint64_t before = gateway->sent();
    state.SetIterationTime(seconds_of([&] { gateway->engine().turn(); }));
    if (gateway->sent() - before != afxdp::kBurstMax) {
      state.SkipWithError("a packet was not sent");
      break;
    }
  }
  report_each(state, afxdp::kBurstMax);
}

void shape(benchmark::internal::Benchmark* family) {
  family->ArgNames({"flows", "shuffled"})
      ->Args({1000, 0})
      ->Args({1000, 1})
      ->Args({100000, 0})
      ->Args({100000, 1})
      ->Iterations(kBursts)
      ->UseManualTime();
}

}  // namespace

void add_engine_stages() {
  const auto gateways = std::make_shared<Kept<EngineGateway>>();
  for (const char* name : {"nothing", "read", "reassembly", "decide", "hold", "error_reply", "forward", "fragment"})
    shape(benchmark::RegisterBenchmark(fmt::format("engine/{}", name).c_str(), measure_stage, gateways, name));
  shape(benchmark::RegisterBenchmark("engine/turn", measure_turn, gateways));
}

}  // namespace twinpath::bench
