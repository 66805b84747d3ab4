// flow_table_mutant3_test.cpp - the stress test must notice fault 3 of flow_mutation.h.

#define DP_FLOW_MUTATION 3

#include <doctest/doctest.h>

#include <cstdio>

#include "model/flow_stress_run.hpp"

#include "bpf/flow_table_mutant3.skel.h"  // names types of the header above

using namespace twinpath::test;

TEST_CASE("the stress test notices a reverse used before its pair was") {
  if (!may_load_bpf()) {
    std::puts("SKIPPED: loading BPF programs needs root");
    return;
  }
  KernelTable table;
  std::size_t size = 0;
  const void* elf = flow_table_mutant3_bpf__elf_bytes(&size);
  REQUIRE(table.open(elf, size, DP_FAMILY_V4, STRESS_BUCKETS) == "");
  FlowStress stress{table, DP_FAMILY_V4};
  REQUIRE(stress.protect() == STRESS_PROTECTED);
  TableFaults faults;
  int round = 0;
  while (round++ < 1000 && faults.half_used == 0) faults = stress.round(std::chrono::milliseconds(20));
  std::printf("noticed in round %d\n", round - 1);
  CHECK(faults.half_used > 0);
}
