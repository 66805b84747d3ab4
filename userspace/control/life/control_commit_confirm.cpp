// What becomes of a configuration that has to be confirmed (safety.confirm_s, --confirm-within).
//
// Undone    a reload: the configuration in force before it is published again, by the same path. A start: the gateway goes,
//           as by `down`; or, when a datapath was forwarding already under a configuration that had been confirmed and a
//           reload can return to, that one is put back.
// Process   ending in order undoes what waits, since nobody would be left to do it. After a kill -9 the kernel goes on with
//           what was in force; the journal has only what was confirmed, so the next start of anything else waits anew.
#include "config/document.hpp"
#include "control/life/control.hpp"
#include "control/life/start_only.hpp"

namespace twinpath {
namespace {

// What a document asks for, but for how long it waits: to wait longer is not another configuration.
nlohmann::json asked_for(const Config& config) {
  nlohmann::json document = to_json(config);
  document["safety"].erase("confirm_s");
  return document;
}

}  // namespace

// Absent, too, when only down and up could bring it back.
std::optional<Config> Control::confirmed_before() const {
  if (journal_.confirmed.is_null()) return std::nullopt;
  auto before = parse_config(journal_.confirmed.dump());
  if (!before || !start_only_changes(config_, *before).empty()) return std::nullopt;
  return std::move(*before);
}

// A daemon that is started anew after a crash finds nobody to confirm again what has been confirmed.
void Control::await_start_confirmation() {
  const std::uint32_t within_s = options_.confirm_within_s.value_or(config_.safety.confirm_s);
  auto before = confirmed_before();
  const bool confirmed_already = before && asked_for(*before) == asked_for(config_);
  if (!confirmed_already) return settle(within_s, std::move(before));
  settle(options_.confirm_within_s ? within_s : 0, std::nullopt);
}

void Control::settle(std::uint32_t within_s, std::optional<Config> before) {
  if (within_s == 0) return note_confirmed();
  const bool goes = !before;
  confirmation_.begin({std::chrono::seconds{within_s}, std::move(before)});
  options_.note(fmt::format("in {} s {}, unless this comes before: twinpath -n {} confirm", within_s,
                            goes ? "everything is undone" : "the configuration from before is put back", config_.name));
}

void Control::note_confirmed() {
  journal_.confirmed = to_json(config_);
  if (auto saved = save_journal(journal_); !saved) options_.complain(saved.error().text);
}

std::optional<std::uint32_t> Control::confirm() {
  if (!confirmation_.end()) return std::nullopt;
  note_confirmed();
  options_.note(fmt::format("generation {} is confirmed", publisher_->generation()));
  return publisher_->generation();
}

Status Control::rollback(Config before) {
  auto plan = plan_reload(reload_base(), std::move(before));
  if (!plan) return refuse("{}", plan.error().front().line());
  if (auto applied = apply(std::move(*plan)); !applied) return refuse("{}", applied.error().line());
  return {};
}

void Control::undo(Unconfirmed trial, const std::string& why) {
  if (!trial.before) {
    options_.complain(fmt::format("{}: everything is undone, as by down", why));
    return shut_down(true);
  }
  if (auto back = rollback(std::move(*trial.before)); back)
    options_.complain(fmt::format("{}: the configuration from before is in force again, generation {}", why,
                                  publisher_->generation()));
  else
    options_.complain(fmt::format("{}, but the configuration from before CANNOT BE PUT BACK: {}; generation {} stays",
                                  why, back.error().text, publisher_->generation()));
}

void Control::not_confirmed(Unconfirmed trial) {
  const auto within = std::chrono::duration_cast<std::chrono::seconds>(trial.within);
  undo(std::move(trial), fmt::format("not confirmed within {} s", within.count()));
}

void Control::stop() {
  if (auto trial = confirmation_.end()) undo(std::move(*trial), "ended without being confirmed");
  stop(exit_);
}

}  // namespace twinpath
