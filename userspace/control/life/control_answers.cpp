// The requests of rest::Gateway, the replacement of the configuration among them.
#include <algorithm>
#include <cerrno>

#include "config/diff.hpp"
#include "config/document.hpp"
#include "control/life/control.hpp"
#include "control/life/snapshots.hpp"
#include "telemetry/json.hpp"
#include "telemetry/policy_filter.hpp"
#include "telemetry/policy_json.hpp"
#include "telemetry/prometheus.hpp"

namespace twinpath {

SnapshotSources Control::sources() {
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
  return {config_, image_, ports_, *tables_, *driver_, *engine_, pairs4_, pairs6_, options_.netns, uptime};
}

nlohmann::json Control::status() {
  nlohmann::json answer = status_json(take_status(sources()));
  answer["confirm"] = confirmation_.report();
  return answer;
}
nlohmann::json Control::config() { return to_json(config_); }
nlohmann::json Control::ports() { return ports_json(take_ports(sources())); }
nlohmann::json Control::zones() { return zones_json(take_zones(sources())); }
nlohmann::json Control::rules() { return rules_json(take_rules(sources())); }
nlohmann::json Control::drops() { return drops_json(take_reasons(sources())); }
nlohmann::json Control::steered() { return steered_json(take_reasons(sources())); }
nlohmann::json Control::engines() {
  return engines_json(take_engine(sources()), take_reasons(sources()), take_ledger(sources()));
}
std::string Control::metrics() { return prometheus_text(take_metrics(sources())); }

namespace {

PolicyNames names_of(const TableImage& image, Tables& tables, const TickClock& clock) {
  return {.zones = image.zone_names,
          .ports = image.port_names,
          .rules = image.rule_names,
          .next_hops = tables.memory().next_hops.values(),
          .now = clock.now(),
          .ticks_per_second = clock.per_second()};
}

}  // namespace

Result<rest::PolicyPage> Control::policies(const rest::PolicyQuery& query) {
  auto filter = PolicyFilter::make(query, image_);
  if (!filter) return pass_on(std::move(filter.error()));
  auto cursor = PolicyCursor::parse(query.cursor);
  if (!cursor) return pass_on(std::move(cursor.error()));
  const PolicyNames names = names_of(image_, *tables_, clock_);
  rest::PolicyPage page;
  const auto collect = [&](const FlowSnapshot& flow) {
    if (filter->matches(flow)) page.pairs.push_back(policy_json(flow, names));
  };
  // A filter with few matches must not occupy the thread for a whole table: a page ends after kLookMost pairs have been
  // looked at, and may be empty.
  std::size_t looked = 0;
  while (!cursor->done() && page.pairs.size() < query.limit && looked < PolicyCursor::kLookMost) {
    const TableView view = table(cursor->family);
    const std::size_t step = query.limit - page.pairs.size();
    cursor->slot = walk_flows(view, cursor->slot, step, collect);
    looked += step;
    if (cursor->slot >= view.slot_count()) cursor->next_family();
  }
  page.cursor = cursor->text();
  return page;
}

std::optional<nlohmann::json> Control::policy(std::string_view id) {
  std::uint8_t family = 0;
  std::uint64_t number = 0;
  if (!parse_id(id, family, number)) return std::nullopt;
  const auto flow = flow_at(table(family), number);
  if (!flow) return std::nullopt;
  return policy_json(*flow, names_of(image_, *tables_, clock_));
}

bool Control::remove_policy(std::string_view id) {
  std::uint8_t family = 0;
  std::uint64_t number = 0;
  return parse_id(id, family, number) && delete_flow(table(family), number);
}

Result<std::size_t> Control::remove_policies(const rest::PolicyQuery& query) {
  auto filter = PolicyFilter::make(query, image_);
  if (!filter) return pass_on(std::move(filter.error()));
  std::size_t removed = 0;
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    const TableView view = table(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (filter->matches(flow) && delete_flow(view, flow.id)) ++removed;
    });
  }
  return removed;
}

Status Control::zero_fresh_rules(const TableImage& image) {
  const std::vector<dp_counter> zeros(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  for (const std::uint32_t rule : image.fresh_rules) {
    if (bpf_map_update_elem(tables_->maps().rule_hits, &rule, zeros.data(), BPF_ANY) != 0)
      return fail(errno, "clear the counters of rule {}", image.rule_names[rule]);
    engine_->post(command::forget_rule(rule));
  }
  return {};
}

// Members other than `ports` and `zones` are about rules and defaults.
nlohmann::json Control::changes_of(const ReloadPlan& plan) const {
  const PolicyDiff rules = diff(image_, plan.image);
  return {{"added", rules.added},
          {"removed", rules.removed},
          {"changed", rules.changed},
          {"reordered", rules.reordered},
          {"defaults", rules.defaults},
          {"ports", port_changes(config_, plan.next)},
          {"zones", zone_changes(config_, plan.next)}};
}

namespace {

rest::ConfigAnswer refuse_all(const std::vector<Fault>& faults) {
  rest::ConfigAnswer answer;
  for (const Fault& fault : faults) answer.faults.push_back({fault.path, fault.text});
  return answer;
}

}  // namespace

ReloadBase Control::reload_base() const { return {config_, image_.numbers, pins_}; }

void Control::put_config(std::string_view text, bool dry_run, ConfigDone done) {
  rest::ConfigAnswer answer;
  // Only one change can wait to be confirmed: the operator first confirms it or waits for its rollback.
  if (confirmation_.waiting() && !dry_run) {
    answer.waiting_s = std::max(confirmation_.seconds_left(), 1U);
    return done(answer);
  }
  answer.busy = worker_.busy();
  if (answer.busy) return done(answer);
  const auto work = [text = std::string(text), base = reload_base(),
                     named = options_.named]() -> ReloadWorker::Planned {
    auto next = parse_config(text);
    if (!next) return tl::unexpected(std::move(next.error()));
    if (named) next->name = base.running.name;
    return plan_reload(base, std::move(*next));
  };
  worker_.begin(work, [this, dry_run, done = std::move(done)](Result<ReloadWorker::Planned> planned) {
    if (!planned) return done(pass_on(std::move(planned.error())));
    ReloadWorker::Planned& plan = *planned;
    if (!plan) return done(refuse_all(plan.error()));
    done(finish_put(std::move(*plan), dry_run));
  });
}

Result<rest::ConfigAnswer> Control::finish_put(ReloadPlan plan, bool dry_run) {
  rest::ConfigAnswer answer;
  answer.changes = changes_of(plan);
  if (!dry_run) {
    Config before = config_;
    if (auto applied = apply(std::move(plan)); !applied) {
      if (applied.error().path.empty()) return refuse("{}", applied.error().text);
      return refuse_all({applied.error()});
    }
    await_confirmation(config_.safety.confirm_s, std::move(before));
    answer.confirm_within_s = config_.safety.confirm_s;
  }
  answer.generation = publisher_->generation() + (dry_run ? 1U : 0U);
  return answer;
}

void Control::shut_down(bool detach) {
  if (detach) (void)confirmation_.end();  // nothing to roll back: `down` removes everything
  exit_ = detach ? OnExit::detach : exit_;
  io_.stop();
}

}  // namespace twinpath
