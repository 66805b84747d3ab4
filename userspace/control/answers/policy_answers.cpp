#include "control/answers/policy_answers.hpp"

#include "flows/listing.hpp"
#include "telemetry/policy_filter.hpp"

namespace twinpath {

PolicyNames PolicyAnswers::names() const {
  return {.zones = image_.zone_names,
          .ports = image_.port_names,
          .rules = image_.rule_names,
          .next_hops = next_hops_,
          .now = clock_.now(),
          .ticks_per_second = clock_.per_second()};
}

Result<rest::PolicyPage> PolicyAnswers::list(const rest::PolicyQuery& query) const {
  auto filter = PolicyFilter::make(query, image_);
  if (!filter) return pass_on(std::move(filter.error()));
  auto cursor = PolicyCursor::parse(query.cursor);
  if (!cursor) return pass_on(std::move(cursor.error()));
  const PolicyNames shown = names();
  rest::PolicyPage page;
  const auto collect = [&](const FlowSnapshot& flow) {
    if (filter->matches(flow)) page.pairs.push_back(policy_text(flow, shown));
  };
  std::size_t looked = 0;
  while (!cursor->done() && page.pairs.size() < query.limit && looked < PolicyCursor::kLookMost) {
    const TableView view = flows_.view(cursor->family);
    const std::size_t step = query.limit - page.pairs.size();
    cursor->slot = walk_flows(view, cursor->slot, step, collect);
    looked += step;
    if (cursor->slot >= view.slot_count()) cursor->next_family();
  }
  page.cursor = cursor->text();
  return page;
}

std::optional<std::string> PolicyAnswers::find(std::string_view id) const {
  std::uint8_t family = 0;
  std::uint64_t number = 0;
  if (!parse_id(id, family, number)) return std::nullopt;
  const auto flow = flow_at(flows_.view(family), number);
  if (!flow) return std::nullopt;
  return policy_text(*flow, names());
}

bool PolicyAnswers::remove(std::string_view id) const {
  std::uint8_t family = 0;
  std::uint64_t number = 0;
  return parse_id(id, family, number) && delete_flow(flows_.view(family), number);
}

Result<std::size_t> PolicyAnswers::remove_all(const rest::PolicyQuery& query) const {
  auto filter = PolicyFilter::make(query, image_);
  if (!filter) return pass_on(std::move(filter.error()));
  std::size_t removed = 0;
  for (const std::uint8_t family : kFlowFamilies) {
    const TableView view = flows_.view(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (filter->matches(flow) && delete_flow(view, flow.id)) ++removed;
    });
  }
  return removed;
}

}  // namespace twinpath
