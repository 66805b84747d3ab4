// rule_traffic.hpp - what each rule has decided: packets and bytes of its flows, live and ended, and of packets without a
// flow (common/model/counters.h).
//
// Sum      what both datapaths have counted, and then what the live flows of the rule have: a flow that ends in between is
//          missing for a moment, so the highest sum that was seen is shown. Nothing that is shown ever falls, until
//          another rule gets the number.
// Cost     a walk over both flow tables. It takes at most a tenth of the control thread's time: what was read is shown
//          again until ten times as long as the walk took has passed.
// Thread   the control thread's.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/model/counters.h"
#include "config/compile.hpp"
#include "engine/counters.hpp"
#include "flows/flow_tables.hpp"

namespace twinpath {

class RuleTraffic {
 public:
  struct Sources {
    int rule_hits;  // the map
    const EngineCounters& engine;
    const FlowTables& flows;
    const TableImage& image;
  };
  // The rules of the image, as of now or nearly so.
  void refresh(const Sources& sources);
  [[nodiscard]] const dp_rule_counters& of(std::uint32_t rule) const { return shown_.at(rule); }

 private:
  void forget_others(const TableImage& image);
  void show(std::uint32_t rule, const dp_rule_counters& now);

  std::vector<dp_rule_counters> shown_{DP_RULE_IDS_MAX};  // by id
  std::vector<std::string> names_;                        // of the rules that these are
  std::chrono::steady_clock::time_point next_{};          // when a walk may be made again
};

}  // namespace twinpath
