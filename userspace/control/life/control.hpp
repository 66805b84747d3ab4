// control.hpp - one gateway from start to end: starts it, follows Linux, and answers the requests of the REST server.
//
// Start     start() checks whatever it can before it changes the host. When it fails later, abort_start() undoes its
//           changes. A datapath that was forwarding before continues to forward, whatever fails.
// Keeping   Forwarding does not depend on this process. stop(keep) leaves programs, links and maps pinned, and the next
//           start() adopts them. stop(detach) leaves the host as it was found.
// Reload    Replaces the configuration, ports and zones included, in one transaction (control_reload.cpp).
// Confirm   A configuration that has to be confirmed is undone when it is not confirmed in time
//           (control_commit_confirm.cpp).
// Thread    The io_context's. The engine has a thread of its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <thread>

#include "afxdp/driver.hpp"
#include "base/tick_clock.hpp"
#include "config/fault.hpp"
#include "control/follow/follower.hpp"
#include "control/life/confirmation.hpp"
#include "control/life/heartbeat.hpp"
#include "control/life/journal.hpp"
#include "control/life/snapshots.hpp"
#include "control/ports/port_changer.hpp"
#include "control/ports/port_set.hpp"
#include "control/publish/publisher.hpp"
#include "control/publish/reload_worker.hpp"
#include "engine/engine.hpp"
#include "flows/expiry.hpp"
#include "rest/gateway.hpp"
#include "telemetry/event_log.hpp"

namespace twinpath {

struct ControlOptions {
  std::string netns;                              // name, for the journal and status; the process is in it already
  bool named = false;                             // the command line gave the name: it replaces that of every document
  std::optional<std::uint32_t> confirm_within_s;  // of the command line: for the start, instead of safety.confirm_s
  std::function<void(const std::string&)> complain;  // one line for each error that does not end the gateway
  std::function<void(const std::string&)> note;  // one line for a packet whose rule has log, and for each confirmation
};

class Control final : public rest::Gateway {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Control>> start(boost::asio::io_context& io, const Config& config,
                                                              ControlOptions options);
  ~Control() override;

  // Ends everything as `safety.on_exit` or the last shut_down() said. Undoes an unconfirmed change before that.
  void stop();
  // Undoes a start that cannot be completed; an adopted datapath stays.
  void abort_start();
  [[nodiscard]] const Config& configuration() const { return config_; }

  [[nodiscard]] nlohmann::json status() override;
  [[nodiscard]] nlohmann::json config() override;
  [[nodiscard]] nlohmann::json ports() override;
  [[nodiscard]] nlohmann::json zones() override;
  [[nodiscard]] nlohmann::json rules() override;
  [[nodiscard]] nlohmann::json drops() override;
  [[nodiscard]] nlohmann::json steered() override;
  [[nodiscard]] nlohmann::json engines() override;
  [[nodiscard]] std::string metrics() override;
  [[nodiscard]] Result<rest::PolicyPage> policies(const rest::PolicyQuery& query) override;
  [[nodiscard]] std::optional<nlohmann::json> policy(std::string_view id) override;
  [[nodiscard]] Result<std::size_t> remove_policies(const rest::PolicyQuery& query) override;
  [[nodiscard]] bool remove_policy(std::string_view id) override;
  void put_config(std::string_view text, bool dry_run, ConfigDone done) override;
  [[nodiscard]] std::optional<std::uint32_t> confirm() override;
  void shut_down(bool detach) override;

 private:
  Control(boost::asio::io_context& io, const Config& config, ControlOptions options);

  [[nodiscard]] Status begin();
  [[nodiscard]] Status take_over_journal();
  [[nodiscard]] Status survey();
  [[nodiscard]] Status load_tables();
  [[nodiscard]] Status open_engine();
  void enable_bursts();
  [[nodiscard]] Status open_follower();
  [[nodiscard]] Status publish_first();
  void begin_settings();
  void every_second();
  void expire();
  void wait_for_engine();
  void stop(OnExit how);
  void close_all();
  [[nodiscard]] TableView table(std::uint8_t family);
  [[nodiscard]] SnapshotSources sources();
  [[nodiscard]] Status zero_fresh_rules(const TableImage& image);
  // control_reload.cpp
  EngineReply call_engine(const EngineCommand& command);
  [[nodiscard]] ReloadBase reload_base() const;
  [[nodiscard]] Result<rest::ConfigAnswer> finish_put(ReloadPlan plan, bool dry_run);
  [[nodiscard]] tl::expected<void, Fault> apply(ReloadPlan plan);
  [[nodiscard]] Status publish_change(const TableImage& image, bool ports_change);
  void finish_ports(const PortSet& before, const std::vector<std::uint8_t>& reassigned_zones);
  [[nodiscard]] nlohmann::json changes_of(const ReloadPlan& plan) const;
  void delete_flows_of_zones(const std::vector<std::uint8_t>& zones);
  void begin_pickup_grace();
  [[nodiscard]] std::optional<Config> confirmed_before() const;
  void await_start_confirmation();
  // The published configuration counts as confirmed at once (within_s 0), or waits to be confirmed. When it is not,
  // `before` is restored; without `before`, everything is undone as by `down`.
  void await_confirmation(std::uint32_t within_s, std::optional<Config> before);
  void note_confirmed();
  void confirmation_timed_out(PendingChange change);
  void undo(PendingChange change, const std::string& why);
  [[nodiscard]] Status rollback(Config before);

  boost::asio::io_context& io_;
  Config config_;
  ControlOptions options_;
  TickClock clock_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  Journal journal_;
  std::string pins_;
  TableImage image_;
  std::vector<std::uint8_t> reassigned_zones_;  // zone numbers that mean another zone in the adopted tables
  PortSet ports_;
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<XdpHook> hook_;
  std::unique_ptr<SettingsWriter> settings_;
  std::unique_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<afxdp::Driver> driver_;
  std::unique_ptr<NeighbourRequestQueue> neighbour_requests_;
  std::unique_ptr<dp_env> env_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<NextHopTable> hops_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<PortChanger> changer_;
  std::unique_ptr<EventLog> event_log_;
  boost::asio::steady_timer timer_;
  Confirmation confirmation_;
  ReloadWorker worker_;
  std::thread engine_thread_;
  ExpiryCounts pairs4_;
  ExpiryCounts pairs6_;
  FlowExpiry expiry4_;
  FlowExpiry expiry6_;
  OnExit exit_ = OnExit::keep;
  bool adopting_ = false;  // a datapath of this name was forwarding already: a failed start leaves it
  bool touched_ = false;   // start() has changed the host
  bool stopped_ = false;
};

// Undoes what a gateway of this name left on the host, alive or not: offloads, XDP, pins, journal. The process must be
// in the gateway's network namespace.
[[nodiscard]] Status clean_up(const std::string& name);

}  // namespace twinpath
