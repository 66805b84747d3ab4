// flow_table_stress_test.cpp - the flow table under two CPUs of BPF and three threads. TWINPATH_STRESS_SECONDS sets how long.

#include <doctest/doctest.h>

#include <cstdio>

#include "flows/recovery.hpp"
#include "model/flow_stress_run.hpp"

#include "bpf/flow_table_test.skel.h"  // names types of the header above

using namespace twinpath::test;

namespace {

void print(const char* side, const flow_stress_counts& c) {
  const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "  %s: %llu hits, %llu misses, %llu installed, %llu full, %llu and %llu exist, %llu killed, %llu deleted\n", side,
      n(c.hits), n(c.misses), n(c.results[DP_INSTALL_OK]), n(c.results[DP_INSTALL_FULL]),
      n(c.results[DP_INSTALL_EXISTS_FORWARD]), n(c.results[DP_INSTALL_EXISTS_REVERSE]), n(c.results[DP_INSTALL_KILLED]),
      n(c.deleted));
}

}  // namespace

TEST_CASE("under stress no copy is torn, no key is doubled, no half is used alone, no assured flow is lost") {
  if (!may_load_bpf()) {
    std::puts("SKIPPED: loading BPF programs needs root");
    return;
  }
  for (const auto& [name, family] : kFamilies) {
    SUBCASE(name) {
      KernelTable table;
      std::size_t size = 0;
      const void* elf = flow_table_test_bpf__elf_bytes(&size);
      REQUIRE(table.open(elf, size, family, STRESS_BUCKETS) == "");
      FlowStress stress{table, family};
      REQUIRE(stress.protect() == STRESS_PROTECTED);
      flow_stress_counts kernel{}, user{};
      const int rounds = static_cast<int>(stress_seconds(8) / 2 / 0.1) + 1;
      for (int i = 0; i < rounds; ++i) {
        const TableFaults faults = stress.round(std::chrono::milliseconds(100));
        add(kernel, stress.kernel());
        add(user, stress.user());
        REQUIRE(faults.torn == 0);
        REQUIRE(faults.half_used == 0);
        REQUIRE(faults.duplicates == 0);
        REQUIRE(faults.half_pairs == 0);
        REQUIRE(faults.transitional == 0);
        REQUIRE(faults.lost == 0);
      }
      std::printf("%s, %llu expired\n", name, static_cast<unsigned long long>(stress.expired()));
      print("kernel", kernel);
      print("user", user);
      CHECK(kernel.results[DP_INSTALL_OK] > 1000);
      CHECK(user.results[DP_INSTALL_OK] > 1000);
      CHECK(kernel.results[DP_INSTALL_EXISTS_FORWARD] + user.results[DP_INSTALL_EXISTS_FORWARD] > 0);
      CHECK(stress.expired() > 0);
    }
  }
}

TEST_CASE("recovery while the kernel writes leaves every pair whole") {
  if (!may_load_bpf()) {
    std::puts("SKIPPED: loading BPF programs needs root");
    return;
  }
  KernelTable table;
  std::size_t size = 0;
  const void* elf = flow_table_test_bpf__elf_bytes(&size);
  REQUIRE(table.open(elf, size, DP_FAMILY_V4, STRESS_BUCKETS) == "");
  FlowStress stress{table, DP_FAMILY_V4};
  REQUIRE(stress.protect() == STRESS_PROTECTED);
  std::atomic<bool> stop{false};
  std::thread kernel{[&] {
    pin_to(0);
    while (!stop) table.run("stress4", 20000);
  }};
  pin_to(1);
  std::uint64_t removed = 0;
  for (int i = 0; i < 5; ++i) {
    const auto counts =
        twinpath::recover_flows(table.view(), [] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); });
    removed += counts.released + counts.half_pairs;
  }
  stop = true;
  kernel.join();
  CHECK(removed == 0);
  const TableFaults faults = stress.round(std::chrono::milliseconds(100));
  CHECK(faults.sum() == 0);
}

TEST_CASE("cost of a hit and of an insert, for information") {
  if (!may_load_bpf()) {
    std::puts("SKIPPED: loading BPF programs needs root");
    return;
  }
  for (const auto& [name, family] : kFamilies) {
    SUBCASE(name) {
      KernelTable table;
      std::size_t size = 0;
      const void* elf = flow_table_test_bpf__elf_bytes(&size);
      constexpr std::uint32_t kFlows = 100000;
      REQUIRE(table.open(elf, size, family, kFlows * 4 / DP_FLOW_LANES) == "");
      table.set_globals({1, kFlows, 0});
      pin_to(0);
      const int base = table.run("base4", 1000000);
      table.set_globals({1, kFlows, 0});
      const int insert = table.run(table.program_name("insert"), kFlows);
      std::uint32_t verdict = 0;
      const int hit = table.run(table.program_name("hit"), 1000000, &verdict);
      CHECK(verdict == 2);
      std::printf("%s, %u pairs: base %d ns, insert %d ns, hit with counters in random order %d ns\n", name, kFlows,
                  base, insert, hit);
    }
  }
}
