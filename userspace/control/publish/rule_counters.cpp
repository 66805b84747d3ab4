#include "control/publish/rule_counters.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace twinpath {

Status zero_fresh_rules(const TableImage& image, Tables& tables, Engine& engine) {
  const auto cpus = static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1));
  const std::vector<dp_rule_counters> zeros(cpus);
  const std::vector<dp_log_counters> log_zeros(cpus);
  for (const std::uint32_t rule : image.fresh_rules) {
    if (bpf_map_update_elem(tables.maps().rule_hits, &rule, zeros.data(), BPF_ANY) != 0 ||
        bpf_map_update_elem(tables.maps().log_counts, &rule, log_zeros.data(), BPF_ANY) != 0)
      return fail(errno, "clear the counters of rule {}", image.rule_names[rule]);
    engine.post(command::forget_rule(rule));
  }
  return {};
}

}  // namespace twinpath
