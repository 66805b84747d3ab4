#include "control/life/control.hpp"

#include <algorithm>

#include "config/diff.hpp"
#include "config/document.hpp"
#include "control/life/clean_up.hpp"
#include "control/ports/port_plan.hpp"
#include "telemetry/json.hpp"

namespace twinpath {
namespace {

rest::ConfigAnswer refuse_all(const std::vector<Fault>& faults) {
  rest::ConfigAnswer answer;
  for (const Fault& fault : faults) answer.faults.push_back({fault.path, fault.text});
  return answer;
}

nlohmann::json changes_of(const Running& running, const ReloadPlan& plan) {
  nlohmann::json changes = policy_changes_json(diff(running.image, plan.image));
  changes["values"] = rule_changes(running.config, plan.next);
  changes["ports"] = port_changes(running.config, plan.next);
  changes["zones"] = zone_changes(running.config, plan.next);
  return changes;
}

// "rules: 1 added, 2 changed": of one section of the changes; empty when nothing has changed.
std::string section_text(std::string_view title, const nlohmann::json& section) {
  std::string text;
  for (const char* kind : {"added", "removed", "changed", "reordered"})
    if (const auto list = section.find(kind); list != section.end() && !list->empty())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", list->size(), kind);
  return text.empty() ? "" : fmt::format("; {}: {}", title, text);
}

// "generation 7 in force; rules: 1 added, 2 changed; port dmz added"
std::string reload_line(std::uint32_t generation, nlohmann::json changes) {
  std::string line = fmt::format("generation {} in force", generation) + section_text("rules", changes) +
                     section_text("zones", changes["zones"]);
  for (const char* kind : {"added", "removed"})
    for (const auto& port : changes["ports"][kind]) line += fmt::format("; port {} {}", port.get<std::string>(), kind);
  for (const auto& port : changes["ports"]["changed"]) line += fmt::format("; port {}", port.get<std::string>());
  return line;
}

}  // namespace

Result<std::unique_ptr<Control>> Control::start(boost::asio::io_context& io, const Config& config,
                                                ControlOptions options) {
  auto plan = plan_start(config, options.netns);
  if (!plan) return pass_on(std::move(plan.error()));
  std::unique_ptr<Control> control(new Control(io, std::move(*plan), std::move(options)));
  if (auto begun = control->begin(); !begun) {
    control->abort_start();
    return pass_on(std::move(begun.error()));
  }
  return control;
}

Control::Control(boost::asio::io_context& io, StartPlan plan, ControlOptions options)
    : io_(io),
      options_(std::move(options)),
      running_(std::move(plan.running)),
      adopting_(plan.adopting),
      datapath_(std::make_unique<Datapath>(io, running_,
                                           Datapath::Origin{std::move(plan.ports), std::move(plan.pins), plan.adopting},
                                           options_.complain, options_.note)) {}

Control::~Control() { end(detach_ ? OnExit::detach : running_.config.safety.on_exit); }

Status Control::begin() {
  if (auto loaded = datapath_->load(); !loaded) return loaded;
  const MapFds& maps = datapath_->tables().maps();
  auto log = EventLog::open(io_, {maps.events, maps.log_counts}, running_.image, options_.log_packet);
  if (!log) return pass_on(std::move(log.error()));
  event_log_ = std::move(*log);
  compose();
  if (auto on = go_on(); !on) return on;
  if (auto published = datapath_->publish(); !published) return published;
  if (auto on = go_on(); !on) return on;
  if (auto opened = datapath_->open_ports(); !opened) return opened;
  datapath_->run();
  expiry_->begin();
  note_start();
  confirm_->await_start(options_.confirm_within_s);
  return {};
}

void Control::note_start() const {
  std::string ports;
  for (const Port& port : datapath_->ports().ports())
    ports += fmt::format("{}{} ({}, {}, {})", ports.empty() ? "" : ", ", port.config.name, port.config.device,
                         name_of(port.device.attach), port.device.link.up() ? "link up" : "link down");
  options_.note(fmt::format("version {}, generation {}, {}; ports {}", TWINPATH_VERSION,
                            datapath_->publisher().generation(),
                            adopting_ ? "the datapath of an earlier daemon is adopted" : "a new datapath", ports));
}

void Control::note_end(OnExit how) const {
  options_.note(how == OnExit::keep ? "the daemon has ended; the kernel goes on forwarding"
                                    : "the daemon has ended; programs, pins and offloads are undone");
}

Status Control::go_on() const {
  const auto by = options_.interrupted();
  if (!by) return {};
  return refuse(
      "interrupted by {} while it started: {}", *by,
      adopting_ ? "the datapath that was there before goes on forwarding" : "what had been changed is undone");
}

void Control::compose() {
  reloader_ = std::make_unique<Reloader>(io_, running_, *datapath_, options_.complain);
  expiry_ = std::make_unique<ExpiryTimer>(io_, datapath_->flows(), datapath_->settings(), datapath_->clock(),
                                          running_.config.flows, [this] { datapath_->heartbeat().control_lives(); });
  confirm_ = std::make_unique<CommitConfirm>(
      io_, running_,
      CommitConfirm::Gateway{.restore = [this](Config before) { return reloader_->restore(std::move(before)); },
                             .take_down = [this] { shut_down(true); },
                             .save_journal = [this] { save(); },
                             .generation = [this] { return datapath_->publisher().generation(); },
                             .complain = options_.complain,
                             .note = options_.note});
  state_ = std::make_unique<StateAnswers>(StateAnswers::Parts{running_, *datapath_, *expiry_, *confirm_});
  policies_ = std::make_unique<PolicyAnswers>(datapath_->flows(), running_.image,
                                              datapath_->tables().memory().next_hops.values(), datapath_->clock());
}

void Control::save() {
  if (auto saved = save_journal(running_.journal); !saved) options_.complain(saved.error().text);
}

nlohmann::json Control::config() { return to_json(running_.config); }

// Only one change can wait to be confirmed: the operator first confirms it or waits for its rollback.
void Control::put_config(std::string_view text, bool dry_run, ConfigDone done) {
  rest::ConfigAnswer answer;
  if (confirm_->waiting() && !dry_run) {
    answer.waiting_s = std::max(confirm_->snapshot().seconds_left, 1U);
    return done(answer);
  }
  answer.busy = reloader_->busy();
  if (answer.busy) return done(answer);
  const auto planned = [this, dry_run, done = std::move(done)](Result<ReloadWorker::Planned> outcome) {
    if (!outcome) return done(pass_on(std::move(outcome.error())));
    ReloadWorker::Planned& plan = *outcome;
    if (!plan) {
      if (!dry_run) options_.note(fmt::format("a configuration was refused: {}", plan.error().front().line()));
      return done(refuse_all(plan.error()));
    }
    done(finish_put(std::move(*plan), dry_run));
  };
  reloader_->plan(std::string(text), options_.named, planned);
}

Result<rest::ConfigAnswer> Control::finish_put(ReloadPlan plan, bool dry_run) {
  rest::ConfigAnswer answer;
  answer.changes = changes_of(running_, plan);
  if (!dry_run) {
    Config before = running_.config;
    if (auto applied = reloader_->apply(std::move(plan)); !applied) {
      if (applied.error().path.empty()) return refuse("{}", applied.error().text);
      return refuse_all({applied.error()});
    }
    options_.note(reload_line(datapath_->publisher().generation(), answer.changes));
    confirm_->await_reload(std::move(before));
    answer.confirm_within_s = running_.config.safety.confirm_s;
  }
  answer.generation = datapath_->publisher().generation() + (dry_run ? 1U : 0U);
  return answer;
}

void Control::shut_down(bool detach) {
  options_.note(detach ? "asked to end and to take everything away" : "asked to end");
  if (detach) confirm_->abandon();  // nothing to roll back: `down` removes everything
  detach_ = detach_ || detach;
  io_.stop();
}

void Control::stop() {
  if (!ended_) confirm_->end();
  end(detach_ ? OnExit::detach : running_.config.safety.on_exit);
}

void Control::abort_start() { end(adopting_ ? OnExit::keep : OnExit::detach); }

// On keep, the objects end with this one. On detach, they end before their pins are removed.
void Control::end(OnExit how) {
  if (ended_) return;
  ended_ = true;
  if (expiry_) expiry_->stop();
  datapath_->stop();
  if (how == OnExit::keep) return note_end(how);
  datapath_->detach();
  policies_.reset();
  state_.reset();
  confirm_.reset();
  expiry_.reset();
  reloader_.reset();
  event_log_.reset();
  datapath_.reset();
  if (auto cleaned = clean_up(running_.config.name); !cleaned) options_.complain(cleaned.error().text);
  note_end(how);
}

}  // namespace twinpath
