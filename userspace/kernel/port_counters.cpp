#include "kernel/port_counters.hpp"

#include <algorithm>

#include "kernel/bpf_map.hpp"

namespace twinpath {

dp_port_counters read_port_counters(int map, std::uint32_t port) { return sum_per_cpu<dp_port_counters>(map, port); }

Status clear_port_counters(int map, std::uint32_t port) {
  const std::vector<dp_port_counters> zeros(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  if (bpf_map_update_elem(map, &port, zeros.data(), BPF_ANY) != 0) return fail(errno, "clear port_counters");
  return {};
}

}  // namespace twinpath
