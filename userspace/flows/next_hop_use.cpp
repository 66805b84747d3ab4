#include "flows/next_hop_use.hpp"

#include "flows/family.hpp"

namespace twinpath {

using namespace flow_detail;

void mark_next_hops(const TableView& table, std::vector<bool>& used) {
  const dp_settings settings = settings_for(table, {});
  flow_env env = env_for(table, settings);
  for_family(table, [&](auto family) {
    using Family = decltype(family);
    for (std::uint32_t slot = 0; slot < table.slot_count(); ++slot) {
      if (!is_live(DP_LOAD(Family::control(&env, slot)))) continue;
      const std::uint16_t hop = DP_LOAD(&Family::entry(&env, slot)->next_hop);
      if (hop < used.size()) used[hop] = true;
    }
  });
}

}  // namespace twinpath
