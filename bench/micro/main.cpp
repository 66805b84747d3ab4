// micro - the parts of the product one by one: stages of the engine, classifier, flow table, checksum, publishing,
// expiry; and memory.
//
//   micro [--benchmark_filter=REGEX] [--benchmark_format=json] [--benchmark_repetitions=N] ...
//
// Options are Google Benchmark's; --help lists them. Needs no privilege. bench/README.md says what each family measures.

#include <benchmark/benchmark.h>
#include <sys/prctl.h>

#include "bench/micro/families.hpp"

int main(int argc, char** argv) {
  // Memory of BPF maps lies in small pages, so the tables here must not get huge ones.
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  twinpath::bench::add_engine_stages();
  twinpath::bench::add_classifier();
  twinpath::bench::add_flow_table();
  twinpath::bench::add_checksum();
  twinpath::bench::add_publish();
  twinpath::bench::add_expiry();
  twinpath::bench::add_memory();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const bool found_some = benchmark::RunSpecifiedBenchmarks() != 0;
  benchmark::Shutdown();
  return found_some ? 0 : 1;
}
