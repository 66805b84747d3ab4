#include "control/answers/state_answers.hpp"

#include "telemetry/json.hpp"
#include "telemetry/prometheus.hpp"

namespace twinpath {

using nlohmann::json;

SnapshotSources StateAnswers::sources() const {
  const Running& running = parts_.running;
  Datapath& datapath = parts_.datapath;
  return {.config = running.config,
          .image = running.image,
          .ports = datapath.ports(),
          .tables = datapath.tables(),
          .routes = datapath.follower().routes(),
          .neighbours_refused = datapath.follower().neighbours_refused(),
          .driver = datapath.driver(),
          .engine = datapath.engine(),
          .rules = *rules_,
          .pairs4 = parts_.expiry.pairs4(),
          .pairs6 = parts_.expiry.pairs6(),
          .confirm = parts_.confirm.snapshot(),
          .problems = datapath.problems(),
          .netns = running.journal.netns,
          .uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_)};
}

json StateAnswers::status() const { return status_json(take_status(sources())); }
json StateAnswers::ports() const { return ports_json(take_ports(sources())); }
json StateAnswers::zones() const { return zones_json(take_zones(sources())); }
json StateAnswers::rules() const {
  count_rules();
  return rules_json(take_rules(sources()));
}
json StateAnswers::drops() const { return drops_json(take_reasons(sources())); }
json StateAnswers::steered() const { return steered_json(take_reasons(sources())); }
json StateAnswers::engines() const {
  return engines_json(take_engine(sources()), take_reasons(sources()), take_ledger(sources()));
}
std::string StateAnswers::metrics() const {
  count_rules();
  return prometheus_text(take_metrics(sources()));
}

void StateAnswers::count_rules() const {
  Datapath& datapath = parts_.datapath;
  rules_->refresh(
      {datapath.tables().maps().rule_hits, datapath.engine().counters(), datapath.flows(), parts_.running.image});
}

}  // namespace twinpath
