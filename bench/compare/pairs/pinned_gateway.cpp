#include "bench/compare/pairs/pinned_gateway.hpp"

#include <array>
#include <chrono>
#include <thread>

namespace twinpath::bench {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kBeatPatience = 5s;  // a daemon beats every second

// Of `entry_bytes` each: some tables are arrays of many values, others one value that holds them all (bpf/maps.bpf.h).
Result<std::size_t> entries_of(int map, std::size_t entry_bytes) {
  bpf_map_info info{};
  __u32 bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &bytes) != 0) return fail(errno, "ask for the size of the map");
  return std::size_t{info.max_entries} * info.value_size / entry_bytes;
}

}  // namespace

Result<std::unique_ptr<PinnedGateway>> PinnedGateway::open(const std::string& instance) {
  std::unique_ptr<PinnedGateway> gateway(new PinnedGateway(pin_directory("/sys/fs/bpf", instance)));
  if (auto opened = gateway->open_tables(); !opened) return pass_on(std::move(opened.error()));
  if (auto learnt = gateway->learn_time(); !learnt) return pass_on(std::move(learnt.error()));
  return gateway;
}

Result<int> PinnedGateway::open_map(const std::string& name) {
  const std::string pin = pins_ + "/" + name;
  UniqueFd map{bpf_obj_get(pin.c_str())};
  if (!map) return fail(errno, "open {}", pin);
  maps_.push_back(std::move(map));
  return maps_.back().get();
}

template <class T>
Status PinnedGateway::map_table(MapMemory<T>& memory, const std::string& name, int protection) {
  auto map = open_map(name);
  if (!map) return pass_on(std::move(map.error()));
  auto entries = entries_of(*map, sizeof(T));
  if (!entries) return pass_on(std::move(entries.error()).in(name));
  auto mapped = MapMemory<T>::open(*map, *entries, protection);
  if (!mapped) return pass_on(std::move(mapped.error()).in(name));
  memory = std::move(*mapped);
  return {};
}

Status PinnedGateway::open_tables() {
  constexpr std::array kRead{DP_GROUP_FLOWS,  DP_GROUP_SETTINGS, DP_GROUP_POLICY,
                             DP_GROUP_ROUTES, DP_GROUP_PORTS,    DP_GROUP_FIB};
  Status status = check_layout(pins_, kRead);
  if (status) status = map_table(memory_.settings, "settings");
  if (!status) return status;
  const auto and_then = [&](auto& memory, const char* name, int protection = PROT_READ) {
    if (status) status = map_table(memory, name, protection);
  };
  and_then(memory_.zone_pairs, "zone_pairs");
  and_then(memory_.rules, "rules");
  and_then(memory_.route_rules, "route_rules");
  and_then(memory_.fib, "fib");
  and_then(memory_.routes, "routes");
  and_then(memory_.paths, "paths");
  and_then(memory_.ports, "ports");
  and_then(memory_.next_hops, "next_hops");
  and_then(memory_.flows4, "flows4", PROT_READ | PROT_WRITE);
  and_then(memory_.flows4_cold, "flows4_cold", PROT_READ | PROT_WRITE);
  if (!status) return status;
  auto neighbours = open_map("neighbours");
  if (!neighbours) return pass_on(std::move(neighbours.error()));
  env_ = dp_env(tables_of(memory_), *neighbours);
  return {};
}

// The daemon writes the kernel's tick into the heartbeat: the moment in which it changes tells the current tick.
Status PinnedGateway::learn_time() {
  const std::uint32_t before = DP_LOAD(&settings().heartbeat);
  for (const auto deadline = steady_clock::now() + kBeatPatience; DP_LOAD(&settings().heartbeat) == before;) {
    if (steady_clock::now() > deadline) return refuse("{}: its daemon does not live", pins_);
    std::this_thread::sleep_for(1ms);
  }
  clock_.calibrate(DP_LOAD(&settings().heartbeat));
  return {};
}

}  // namespace twinpath::bench
