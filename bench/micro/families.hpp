// families.hpp - the families of benchmarks: each file adds its own to Google Benchmark's list.
//
// Order    of addition is the order they run in, by family and then by size.
// Checks   each benchmark looks whether it measured what it says, and ends with an error when it did not
//          (tests/bench/micro_test.sh).
#pragma once

namespace twinpath::bench {

void add_engine_stages();
void add_classifier();
void add_flow_table();
void add_checksum();
void add_publish();
void add_expiry();
void add_memory();

}  // namespace twinpath::bench
