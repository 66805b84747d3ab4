// publish.cpp - from a document to tables in force, step by step.
//
//   publish/parse     text to checked configuration
//   publish/compile   configuration to table image; numbers go on from those in force, as in a reload
//   publish/write     table image into a bank, in ordinary memory: a bank of the product is a mapped BPF map, where
//                     stores cost the same
//
// What else a publication does needs BPF maps: it waits until nobody reads the idle bank, writes routes that have
// changed by system call, and flips one word.

#include <cstring>

#include "bench/micro/families.hpp"
#include "bench/micro/measure.hpp"
#include "bench/micro/rule_document.hpp"
#include "config/document.hpp"

namespace twinpath::bench {
namespace {

void parse(benchmark::State& state) {
  const std::string document = rule_document(static_cast<std::uint32_t>(state.range(0)), Differ::source);
  const auto image = rule_image(static_cast<std::uint32_t>(state.range(0)), Differ::source);
  if (!image) return state.SkipWithError(image.error().text.c_str());
  for (auto _ : state) {
    const auto config = parse_config(document);
    if (!config || config->rules.back().name != image->rule_names[image->rules.back().id]) {
      state.SkipWithError("the document was not read to its end");
      break;
    }
  }
  report_each(state, static_cast<double>(state.range(0)));
}

void compile_image(benchmark::State& state) {
  const auto rules = static_cast<std::uint32_t>(state.range(0));
  const auto config = config_of(rule_document(rules, Differ::source));
  const auto before = rule_image(rules, Differ::source);
  if (!config || !before) return state.SkipWithError("the document does not compile");
  for (auto _ : state) {
    const auto image = compile(*config, before->numbers);
    if (!image || image->rules.size() != rules) {
      state.SkipWithError("not every rule was compiled");
      break;
    }
  }
  report_each(state, rules);
}

void write(benchmark::State& state) {
  const auto rules = static_cast<std::uint32_t>(state.range(0));
  const auto image = rule_image(rules, Differ::source);
  if (!image) return state.SkipWithError(image.error().text.c_str());
  std::vector<dp_zone_pair> zone_pairs(image->zone_pairs.size());
  std::vector<dp_rule> bank(DP_RULES_MAX);
  for (auto _ : state) {
    write_image(*image, zone_pairs, bank);
    benchmark::ClobberMemory();
  }
  if (std::memcmp(bank.data(), image->rules.data(), rules * sizeof(dp_rule)) != 0)
    state.SkipWithError("the bank does not hold the rules");
  report_each(state, rules);
}

void shape(benchmark::internal::Benchmark* family) {
  family->ArgName("rules")->Arg(10)->Arg(100)->Arg(1000)->Arg(DP_RULES_MAX)->Unit(benchmark::kMicrosecond);
}

}  // namespace

void add_publish() {
  shape(benchmark::RegisterBenchmark("publish/parse", parse));
  shape(benchmark::RegisterBenchmark("publish/compile", compile_image));
  shape(benchmark::RegisterBenchmark("publish/write", write));
}

}  // namespace twinpath::bench
