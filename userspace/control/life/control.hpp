// control.hpp - one gateway from start to end: composes the objects that each do one part, and hands the requests of the
// REST server to them.
//
// Parts     StartPlan (what can be refused without a change), Datapath (what forwards), Reloader, ExpiryTimer,
//           CommitConfirm, and the answers: StateAnswers, PolicyAnswers. Only this class knows all of them.
// Start     Checks come first. When a later step fails, abort_start() undoes the changes to the host. A datapath that was
//           forwarding before continues to forward, whatever fails.
// Keeping   Forwarding does not depend on this process. With safety.on_exit "keep", stop() leaves programs, links and maps
//           pinned, and the next start() adopts them. With "detach", and after shut_down(true), the host is left as it
//           was found.
// Thread    The io_context's. The engine and the heartbeat have threads of their own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/answers/policy_answers.hpp"
#include "control/answers/state_answers.hpp"
#include "control/life/commit_confirm.hpp"
#include "control/life/datapath.hpp"
#include "control/life/expiry_timer.hpp"
#include "control/life/reloader.hpp"
#include "control/life/running.hpp"
#include "control/life/start_plan.hpp"
#include "rest/gateway.hpp"
#include "telemetry/event_log.hpp"

namespace twinpath {

struct ControlOptions {
  std::string netns;                              // name, for the journal and status; the process is in it already
  bool named = false;                             // the command line gave the name: it replaces that of every document
  std::optional<std::uint32_t> confirm_within_s;  // of the command line: for the start, instead of safety.confirm_s
  // The name of what has asked the daemon to end, while it starts; absent: nothing has.
  std::function<std::optional<std::string>()> interrupted = [] { return std::nullopt; };
  std::function<void(const std::string&)> complain;  // one line for each error that does not end the gateway
  std::function<void(const std::string&)> note;      // one line for what the gateway does: start, reload, links, end
  EventLog::Write log_packet;                        // one line for a packet whose rule has log
};

class Control final : public rest::Gateway {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Control>> start(boost::asio::io_context& io, const Config& config,
                                                              ControlOptions options);
  ~Control() override;

  // May the start go on? An error when it has been interrupted: the caller then calls abort_start().
  [[nodiscard]] Status go_on() const;
  // Undoes a change that waits to be confirmed, then ends everything as `safety.on_exit` or the last shut_down() said.
  void stop();
  // Undoes a start that cannot be completed; an adopted datapath stays.
  void abort_start();

  [[nodiscard]] nlohmann::json status() override { return state_->status(); }
  [[nodiscard]] nlohmann::json config() override;
  [[nodiscard]] nlohmann::json ports() override { return state_->ports(); }
  [[nodiscard]] nlohmann::json zones() override { return state_->zones(); }
  [[nodiscard]] nlohmann::json rules() override { return state_->rules(); }
  [[nodiscard]] nlohmann::json drops() override { return state_->drops(); }
  [[nodiscard]] nlohmann::json steered() override { return state_->steered(); }
  [[nodiscard]] nlohmann::json engines() override { return state_->engines(); }
  [[nodiscard]] std::string metrics() override { return state_->metrics(); }
  [[nodiscard]] Result<rest::PolicyPage> policies(const rest::PolicyQuery& query) override {
    return policies_->list(query);
  }
  [[nodiscard]] std::optional<std::string> policy(std::string_view id) override { return policies_->find(id); }
  [[nodiscard]] Result<std::size_t> remove_policies(const rest::PolicyQuery& query) override {
    return policies_->remove_all(query);
  }
  [[nodiscard]] bool remove_policy(std::string_view id) override { return policies_->remove(id); }
  void put_config(std::string_view text, bool dry_run, ConfigDone done) override;
  [[nodiscard]] std::optional<std::uint32_t> confirm() override { return confirm_->confirm(); }
  void shut_down(bool detach) override;

 private:
  Control(boost::asio::io_context& io, StartPlan plan, ControlOptions options);

  [[nodiscard]] Status begin();
  void compose();
  [[nodiscard]] Result<rest::ConfigAnswer> finish_put(ReloadPlan plan, bool dry_run);
  void end(OnExit how);
  void save();
  void note_start() const;
  void note_end(OnExit how) const;

  boost::asio::io_context& io_;
  ControlOptions options_;
  Running running_;
  bool adopting_;
  bool detach_ = false;  // shut_down(true)
  bool ended_ = false;
  // In the order of making: each object refers to earlier ones only.
  std::unique_ptr<Datapath> datapath_;
  std::unique_ptr<EventLog> event_log_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<ExpiryTimer> expiry_;
  std::unique_ptr<CommitConfirm> confirm_;
  std::unique_ptr<StateAnswers> state_;
  std::unique_ptr<PolicyAnswers> policies_;
};

}  // namespace twinpath
