// flow_stress_run.hpp - kernel and user space work on one flow table as hard as they can; then the table is inspected.
//
// Two CPUs run the BPF stress program, two threads do the same steps through the mapping, a third expires. Rounds are
// short: after each, everybody rests and the table must be in order. DP_FLOW_MUTATION selects a seeded fault, here and
// in the BPF object.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/model/flow_mutation.h"

#include "base/mapping.hpp"
#include "flows/expiry.hpp"
#include "harness/flow_env.hpp"
#include "model/flow_inspection.hpp"

#define dp_env flow_env  // as in flow_env.hpp
#include "tests/model/flow_stress.h"
#undef dp_env

namespace twinpath::test {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

// What is wrong with a table at rest, or was seen while it was not.
struct TableFaults {
  std::uint64_t transitional = 0;
  std::uint64_t half_pairs = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t torn = 0;
  std::uint64_t half_used = 0;
  std::uint64_t lost = 0;
  [[nodiscard]] std::uint64_t sum() const { return transitional + half_pairs + duplicates + torn + half_used + lost; }
};

inline void add(flow_stress_counts& sum, const flow_stress_counts& part) {
  auto* to = reinterpret_cast<dp_flow_word*>(&sum);
  const auto* from = reinterpret_cast<const dp_flow_word*>(&part);
  for (std::size_t i = 0; i < sizeof(sum) / sizeof(*to); ++i) to[i] += from[i];
}

inline void pin_to(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// The BPF object with its maps, sized and mapped.
class KernelTable {
 public:
  // Empty text when it could be opened.
  std::string open(const void* elf, std::size_t size, std::uint8_t family, std::uint32_t buckets) {
    family_ = family;
    object_.reset(bpf_object__open_mem(elf, size, nullptr));
    if (!object_) return "open the BPF object";
    bpf_map* flows = map(family == DP_FAMILY_V4 ? "flows4" : "flows6");
    bpf_map* cold = map(family == DP_FAMILY_V4 ? "flows4_cold" : "flows6_cold");
    bpf_map__set_max_entries(flows, buckets);
    bpf_map__set_max_entries(cold, buckets * DP_FLOW_LANES);
    if (const int code = bpf_object__load(object_.get())) return std::strerror(-code);
    const std::size_t bytes = bpf_map__value_size(flows) * std::size_t{buckets};
    const std::size_t cold_bytes = sizeof(dp_flow_cold) * DP_FLOW_LANES * std::size_t{buckets};
    auto table = Mapping::shared(bpf_map__fd(flows), (bytes + 4095) & ~std::size_t{4095});
    auto beside = Mapping::shared(bpf_map__fd(cold), (cold_bytes + 4095) & ~std::size_t{4095});
    auto settings = Mapping::shared(bpf_map__fd(map("settings")), 4096);
    if (!table || !beside || !settings) return "map the tables";
    table_ = std::move(*table);
    cold_ = std::move(*beside);
    settings_ = std::move(*settings);
    shape(buckets);
    return {};
  }

  [[nodiscard]] flow_env env() { return {settings(), view().v4, view().v6, view().cold}; }
  [[nodiscard]] dp_settings* settings() { return static_cast<dp_settings*>(settings_.data()); }
  [[nodiscard]] TableView view() {
    TableView view{family_, {}, {}, {}, settings()->v4};
    const std::size_t buckets = view.shape.set_count / 2;
    view.cold = cold_.as<dp_flow_cold>().first(buckets * DP_FLOW_LANES);
    if (family_ == DP_FAMILY_V4)
      view.v4 = table_.as<dp_flow_bucket4>().first(buckets);
    else
      view.v6 = table_.as<dp_flow_bucket6>().first(buckets);
    return view;
  }
  [[nodiscard]] bpf_map* map(const char* name) { return bpf_object__find_map_by_name(object_.get(), name); }
  [[nodiscard]] std::string program_name(const char* verb) const { return verb + std::to_string(family_); }

  // Runs a program `repeat` times: nanoseconds per run, or -1; `verdict` is the last one.
  int run(const std::string& program, std::uint32_t repeat, std::uint32_t* verdict = nullptr) {
    std::uint8_t frame[64] = {};
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame;
    options.data_size_in = sizeof(frame);
    options.repeat = static_cast<int>(repeat);
    const int fd = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), program.c_str()));
    if (bpf_prog_test_run_opts(fd, &options) != 0) return -1;
    if (verdict != nullptr) *verdict = options.retval;
    return static_cast<int>(options.duration);
  }

  // The globals of the test programs live in .bss.
  void set_globals(const flow_stress_globals& globals) {
    const std::uint32_t zero = 0;
    bpf_map_update_elem(bpf_map__fd(bss()), &zero, &globals, 0);
  }
  flow_stress_counts take_counts() {
    std::vector<flow_stress_counts> parts(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    const std::vector<flow_stress_counts> none(parts.size());
    const std::uint32_t zero = 0;
    flow_stress_counts sum{};
    bpf_map_lookup_elem(bpf_map__fd(map("counts")), &zero, parts.data());
    bpf_map_update_elem(bpf_map__fd(map("counts")), &zero, none.data(), 0);
    for (const auto& part : parts) add(sum, part);
    return sum;
  }

 private:
  void shape(std::uint32_t buckets) {
    settings()->v4 = settings()->v6 = {0x1234567deadbeefull, buckets * 2, buckets * DP_FLOW_LANES / 4};
    // half-open and protected pairs never expire; assured TCP does after 20 ms
    constexpr std::uint32_t kNever = 1u << 30;
    settings()->timeouts = {kNever, 20, 20, 20, kNever, kNever, kNever, kNever};
  }
  bpf_map* bss() {
    bpf_map* found = nullptr;
    bpf_map* each = nullptr;
    bpf_object__for_each_map(each, object_.get()) {
      if (std::strstr(bpf_map__name(each), ".bss") != nullptr) found = each;
    }
    return found;
  }

  std::uint8_t family_ = DP_FAMILY_NONE;
  std::unique_ptr<bpf_object, CloseObject> object_;
  Mapping table_;
  Mapping cold_;
  Mapping settings_;
};

class FlowStress {
 public:
  FlowStress(KernelTable& table, std::uint8_t family) : table_(table), family_(family) {}

  // Protected flows: how many of them could be placed.
  std::uint32_t protect() {
    flow_env env = table_.env();
    std::uint32_t placed = 0;
    for (std::uint32_t number = 0; number < STRESS_PROTECTED; ++number) {
      const dp_flow_half forward = flow_half(family_, number, false, 17),
                         reverse = flow_half(family_, number, true, 17);
      dp_install io{};
      io.now = 1;
      io.family = family_;
      dp_flow_view view{};
      const dp_packet packet = flow_packet(family_, reverse);
      if (dp_flow_install(&env, &forward, &reverse, &io) == DP_INSTALL_OK && dp_flow_find(&env, &packet, &view))
        placed += static_cast<std::uint32_t>(dp_flow_set_state(&env, family_, &view, DP_FLOW_ASSURED));
    }
    return placed;
  }

  TableFaults round(std::chrono::milliseconds length) {
    stop_ = false;
    std::vector<std::thread> threads;
    std::vector<flow_stress_counts> counts(2);
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      threads.emplace_back([this, cpu] { run_kernel(cpu); });
      threads.emplace_back([this, cpu, &counts] { run_user(cpu, counts[cpu]); });
    }
    threads.emplace_back([this] { run_expiry(); });
    run_clock(length);
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    kernel_ = user_ = {};
    add(kernel_, table_.take_counts());
    for (const auto& part : counts) add(user_, part);
    return judge();
  }

  [[nodiscard]] const flow_stress_counts& kernel() const { return kernel_; }
  [[nodiscard]] const flow_stress_counts& user() const { return user_; }
  [[nodiscard]] std::uint64_t expired() const { return expired_; }

 private:
  void run_clock(std::chrono::milliseconds length) {
    const auto end = std::chrono::steady_clock::now() + length;
    while (std::chrono::steady_clock::now() < end) {
      table_.set_globals({++ticks_, 0, 0});
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void run_kernel(unsigned cpu) {
    pin_to(cpu);
    while (!stop_) table_.run(table_.program_name("stress"), 5000);
  }
  void run_user(unsigned cpu, flow_stress_counts& counts) {
    pin_to(cpu);
    flow_env env = table_.env();
    flow_stress work{};
    std::uint64_t random = 777 + cpu + ticks_;
    while (!stop_) {
      random = random * 6364136223846793005ull + 1442695040888963407ull;
      flow_stress_step(&env, &work, &counts, family_, dp_hash_end(random), ticks_);
    }
  }
  void run_expiry() {
    FlowExpiry expiry;
    while (!stop_) {
      expired_ += expiry.pass(table_.view(), ticks_, table_.settings()->timeouts, 0x00010001).expired;
      std::this_thread::yield();
    }
  }

  TableFaults judge() {
    flow_env env = table_.env();
    const FlowInspection found = inspect_flows(env, family_, table_.view().slot_count());
    TableFaults faults{found.transitional, found.half_pairs, found.duplicates};
    for (std::uint32_t number = 0; number < STRESS_PROTECTED; ++number)
      for (const bool reverse : {false, true}) {
        dp_flow_view view;
        const dp_packet packet = flow_packet(family_, flow_half(family_, number, reverse, 17));
        faults.lost += dp_flow_find(&env, &packet, &view) == 0;
      }
    faults.torn += kernel_.torn + user_.torn;
    faults.half_used += kernel_.half_used + user_.half_used;
    faults.lost += kernel_.lost + user_.lost;
    return faults;
  }

  KernelTable& table_;
  std::uint8_t family_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint32_t> ticks_{1};
  std::atomic<std::uint64_t> expired_{0};
  flow_stress_counts kernel_{};
  flow_stress_counts user_{};
};

inline double stress_seconds(double otherwise) {
  const char* text = std::getenv("TWINPATH_STRESS_SECONDS");
  return text != nullptr ? std::atof(text) : otherwise;
}

inline bool may_load_bpf() { return ::geteuid() == 0; }

}  // namespace twinpath::test
