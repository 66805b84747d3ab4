#include "kernel/port_counters.hpp"

#include <algorithm>

#include "kernel/bpf_map.hpp"

namespace twinpath {
namespace {

void add(dp_counter& sum, const dp_counter& more) {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

template <class T>
Status clear(int map, std::uint32_t index, const char* what) {
  const std::vector<T> zeros(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  if (bpf_map_update_elem(map, &index, zeros.data(), BPF_ANY) != 0) return fail(errno, "clear {}", what);
  return {};
}

}  // namespace

dp_port_counters read_port_counters(const PortCounterMaps& maps, std::uint32_t port) {
  auto counters = sum_per_cpu<dp_port_counters>(maps.port_counters, port);
  for (std::uint32_t other = 1; other < DP_PORTS_MAX; ++other) {
    add(counters.received, sum_per_cpu<dp_counter>(maps.crossings, dp_crossing(port, other)));
    add(counters.forwarded, sum_per_cpu<dp_counter>(maps.crossings, dp_crossing(other, port)));
  }
  return counters;
}

Status clear_port_counters(const PortCounterMaps& maps, std::uint32_t port) {
  Status status = clear<dp_port_counters>(maps.port_counters, port, "port_counters");
  for (std::uint32_t other = 1; status && other < DP_PORTS_MAX; ++other) {
    status = clear<dp_counter>(maps.crossings, dp_crossing(port, other), "crossings");
    if (status) status = clear<dp_counter>(maps.crossings, dp_crossing(other, port), "crossings");
  }
  return status;
}

}  // namespace twinpath
