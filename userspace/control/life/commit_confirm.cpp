#include "control/life/commit_confirm.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/document.hpp"
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

CommitConfirm::CommitConfirm(boost::asio::io_context& io, Running& running, Gateway gateway)
    : running_(running),
      gateway_(std::move(gateway)),
      confirmation_(io, [this](PendingChange change) { timed_out(std::move(change)); }) {}

// The configuration that was confirmed last. Absent also when a reload cannot restore it, only down and up.
std::optional<Config> CommitConfirm::confirmed_before() const {
  if (running_.journal.confirmed.is_null()) return std::nullopt;
  auto before = parse_config(running_.journal.confirmed.dump());
  if (!before || !start_only_changes(running_.config, *before).empty()) return std::nullopt;
  return std::move(*before);
}

void CommitConfirm::await_start(std::optional<std::uint32_t> within_s) {
  auto before = confirmed_before();
  const bool confirmed_already = before && without_confirm_s(*before) == without_confirm_s(running_.config);
  if (!confirmed_already) return await(within_s.value_or(running_.config.safety.confirm_s), std::move(before));
  await(within_s.value_or(0), std::nullopt);
}

void CommitConfirm::await_reload(Config before) { await(running_.config.safety.confirm_s, std::move(before)); }

// Without `before`, everything is undone as by `down`. 0 s: the configuration in force counts as confirmed at once.
void CommitConfirm::await(std::uint32_t within_s, std::optional<Config> before) {
  if (within_s == 0) return keep();
  const bool has_previous = before.has_value();
  confirmation_.begin({std::chrono::seconds{within_s}, std::move(before)});
  gateway_.note(fmt::format("in {} s {}, unless this comes before: twinpath -n {} confirm", within_s,
                            has_previous ? "the previous configuration is restored" : "everything is undone",
                            running_.config.name));
}

void CommitConfirm::keep() {
  running_.journal.confirmed = to_json(running_.config);
  gateway_.save_journal();
}

std::optional<std::uint32_t> CommitConfirm::confirm() {
  if (!confirmation_.end()) return std::nullopt;
  keep();
  const std::uint32_t generation = gateway_.generation();
  gateway_.note(fmt::format("generation {} is confirmed", generation));
  return generation;
}

void CommitConfirm::undo(PendingChange change, const std::string& why) {
  if (!change.before) {
    gateway_.complain(fmt::format("{}: everything is undone, as by down", why));
    return gateway_.take_down();
  }
  if (auto restored = gateway_.restore(std::move(*change.before)); restored)
    gateway_.complain(
        fmt::format("{}: the previous configuration is in force again, generation {}", why, gateway_.generation()));
  else
    gateway_.complain(fmt::format("{}, but the previous configuration CANNOT BE RESTORED: {}; generation {} stays", why,
                                  restored.error().text, gateway_.generation()));
}

void CommitConfirm::timed_out(PendingChange change) {
  const auto within = std::chrono::duration_cast<std::chrono::seconds>(change.within);
  undo(std::move(change), fmt::format("not confirmed within {} s", within.count()));
}

void CommitConfirm::end() {
  if (auto change = confirmation_.end()) undo(std::move(*change), "ended without being confirmed");
}

ConfirmSnapshot CommitConfirm::snapshot() const {
  if (!waiting()) return {};
  return {.waiting = true,
          .seconds_left = confirmation_.seconds_left(),
          .undo = confirmation_.pending()->before ? UndoSnapshot::rollback : UndoSnapshot::down};
}

}  // namespace twinpath
