#include "control/answers/rule_traffic.hpp"

#include <algorithm>

#include "flows/listing.hpp"
#include "kernel/bpf_map.hpp"

namespace twinpath {
namespace {

using std::chrono::steady_clock;

constexpr int kShare = 10;  // of the time

dp_rule_counters read(const dp_rule_counters& counters) {
  return {DP_LOAD(&counters.packets), DP_LOAD(&counters.bytes), DP_LOAD(&counters.flows)};
}

void add(dp_rule_counters& sum, const dp_rule_counters& more) {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
  sum.flows += more.flows;
}

void add_live(const FlowTables& tables, std::vector<dp_rule_counters>& sums) {
  for (const std::uint8_t family : kFlowFamilies) {
    const TableView view = tables.view(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (flow.rule < sums.size())
        add(sums[flow.rule], {flow.forward.packets + flow.reverse.packets, flow.forward.bytes + flow.reverse.bytes, 0});
    });
  }
}

}  // namespace

void RuleTraffic::forget_others(const TableImage& image) {
  names_.resize(DP_RULE_IDS_MAX);
  for (std::uint32_t rule = 1; rule < image.rule_names.size(); ++rule) {
    const std::string& name = image.rule_names[rule];
    if (name.empty() || name == names_[rule]) continue;
    shown_[rule] = {};
    names_[rule] = name;
    next_ = {};
  }
}

void RuleTraffic::show(std::uint32_t rule, const dp_rule_counters& now) {
  dp_rule_counters& shown = shown_[rule];
  shown = {std::max(shown.packets, now.packets), std::max(shown.bytes, now.bytes), std::max(shown.flows, now.flows)};
}

void RuleTraffic::refresh(const Sources& sources) {
  forget_others(sources.image);
  const auto begin = steady_clock::now();
  if (begin < next_) return;
  std::vector<dp_rule_counters> sums(DP_RULE_IDS_MAX);
  for (std::uint32_t rule = 1; rule < sources.image.rule_names.size(); ++rule) {
    if (sources.image.rule_names[rule].empty()) continue;
    sums[rule] = sum_per_cpu<dp_rule_counters>(sources.rule_hits, rule);
    add(sums[rule], read(sources.engine.rules[rule]));
  }
  add_live(sources.flows, sums);
  for (std::uint32_t rule = 1; rule < sources.image.rule_names.size(); ++rule)
    if (!sources.image.rule_names[rule].empty()) show(rule, sums[rule]);
  const auto end = steady_clock::now();
  next_ = end + kShare * (end - begin);
}

}  // namespace twinpath
