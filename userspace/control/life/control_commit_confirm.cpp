// Commit-confirm: a configuration that is undone unless it is confirmed in time (safety.confirm_s, --confirm-within).
//
// Rollback  An unconfirmed reload is undone by a reload of the previous configuration. An unconfirmed start is undone
//           as by `down`; except when it adopted a datapath whose configuration was confirmed and a reload can return
//           to that one: then that configuration is restored.
// Process   A daemon that ends in order undoes an unconfirmed change before it ends. After a kill -9 the kernel
//           continues with the configuration in force. The journal has only the confirmed one, so the next start with
//           another configuration waits to be confirmed again.
#include "config/document.hpp"
#include "control/life/control.hpp"
#include "control/life/start_only.hpp"

namespace twinpath {
namespace {

// Two documents that differ only in how long they wait to be confirmed count as the same configuration.
nlohmann::json without_confirm_s(const Config& config) {
  nlohmann::json document = to_json(config);
  document["safety"].erase("confirm_s");
  return document;
}

}  // namespace

// The configuration that was confirmed last. Absent also when a reload cannot restore it, only down and up.
std::optional<Config> Control::confirmed_before() const {
  if (journal_.confirmed.is_null()) return std::nullopt;
  auto before = parse_config(journal_.confirmed.dump());
  if (!before || !start_only_changes(config_, *before).empty()) return std::nullopt;
  return std::move(*before);
}

// A start with the configuration that was confirmed already does not wait again: a service manager that restarts a
// crashed daemon cannot confirm it.
void Control::await_start_confirmation() {
  const std::uint32_t within_s = options_.confirm_within_s.value_or(config_.safety.confirm_s);
  auto before = confirmed_before();
  const bool confirmed_already = before && without_confirm_s(*before) == without_confirm_s(config_);
  if (!confirmed_already) return await_confirmation(within_s, std::move(before));
  await_confirmation(options_.confirm_within_s ? within_s : 0, std::nullopt);
}

void Control::await_confirmation(std::uint32_t within_s, std::optional<Config> before) {
  if (within_s == 0) return note_confirmed();
  const bool has_previous = before.has_value();
  confirmation_.begin({std::chrono::seconds{within_s}, std::move(before)});
  options_.note(fmt::format("in {} s {}, unless this comes before: twinpath -n {} confirm", within_s,
                            has_previous ? "the previous configuration is restored" : "everything is undone",
                            config_.name));
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

void Control::undo(PendingChange change, const std::string& why) {
  if (!change.before) {
    options_.complain(fmt::format("{}: everything is undone, as by down", why));
    return shut_down(true);
  }
  if (auto restored = rollback(std::move(*change.before)); restored)
    options_.complain(
        fmt::format("{}: the previous configuration is in force again, generation {}", why, publisher_->generation()));
  else
    options_.complain(fmt::format("{}, but the previous configuration CANNOT BE RESTORED: {}; generation {} stays", why,
                                  restored.error().text, publisher_->generation()));
}

void Control::confirmation_timed_out(PendingChange change) {
  const auto within = std::chrono::duration_cast<std::chrono::seconds>(change.within);
  undo(std::move(change), fmt::format("not confirmed within {} s", within.count()));
}

void Control::stop() {
  if (auto change = confirmation_.end()) undo(std::move(*change), "ended without being confirmed");
  stop(exit_);
}

}  // namespace twinpath
