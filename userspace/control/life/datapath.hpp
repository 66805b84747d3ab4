// datapath.hpp - the objects that forward for one gateway: tables, programs, engine with its thread, ports, and what keeps
// them in step with Linux. Makes and ends them in the order in which they depend on each other.
//
// Start    load(), publish(), open_ports(), run(), in this order. When one fails, the caller calls stop() and, unless an
//          adopted datapath has to stay, detach().
// Stop     stop() ends the threads. Forwarding does not depend on this process: programs, links and maps stay pinned
//          until detach() and clean_up().
// Owner    Control. Running must outlive it.
// Thread   the control thread's; the engine has a thread of its own from run() to stop().
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "afxdp/driver.hpp"
#include "base/tick_clock.hpp"
#include "control/follow/follower.hpp"
#include "control/life/heartbeat.hpp"
#include "control/life/running.hpp"
#include "control/ports/device_keeper.hpp"
#include "control/ports/port_changer.hpp"
#include "control/ports/port_set.hpp"
#include "control/publish/publisher.hpp"
#include "control/publish/settings_writer.hpp"
#include "engine/engine.hpp"
#include "flows/flow_tables.hpp"
#include "kernel/xdp_hook.hpp"

namespace twinpath {

class Datapath {
 public:
  // Of the plan of a start: the surveyed ports, the pins, and whether they are adopted.
  struct Origin {
    PortSet ports;
    std::string pins;
    bool adopting = false;
  };
  // `complain` gets one line for each error that does not end the gateway, `note` one for each change of a link.
  Datapath(boost::asio::io_context& io, Running& running, Origin origin,
           std::function<void(const std::string&)> complain, std::function<void(const std::string&)> note);
  ~Datapath();
  Datapath(const Datapath&) = delete;
  Datapath& operator=(const Datapath&) = delete;

  // Makes or adopts the tables, loads the programs, and makes driver, engine and follower. The first change to the host.
  [[nodiscard]] Status load();
  // Puts the running configuration and Linux's routes in force. Until open_ports(), adopted ports that change zone
  // forward nothing.
  [[nodiscard]] Status publish();
  // Opens and attaches all ports, and removes those of an earlier daemon that are not configured any more.
  [[nodiscard]] Status open_ports();
  // Starts the engine's thread and follows Linux.
  void run();
  void stop();
  // Detaches XDP from all ports. Precondition: stopped.
  void detach();

  // A command to the engine, with its reply. Counts as a sign of life of the control thread.
  EngineReply call_engine(const EngineCommand& command);
  // Connections that existed before, by another path or through a port in its old zone, are picked up for a while.
  void begin_pickup_grace();
  // Deletes the flows of earlier zones whose numbers mean another zone now, and their record in the journal. When the
  // daemon is killed meanwhile, the next one begins again. No datapath may still decide by the earlier numbers.
  void delete_flows_of_reassigned_zones();

  [[nodiscard]] const std::string& pins() const { return origin_.pins; }
  [[nodiscard]] PortSet& ports() { return origin_.ports; }
  [[nodiscard]] const TickClock& clock() const { return clock_; }
  // What does not work as it should, a line each.
  [[nodiscard]] std::vector<std::string> problems() const;
  // These exist when load() has returned without an error.
  [[nodiscard]] Tables& tables() { return *tables_; }
  [[nodiscard]] FlowTables& flows() { return *flows_; }
  [[nodiscard]] SettingsWriter& settings() { return *settings_; }
  [[nodiscard]] Heartbeat& heartbeat() { return *heartbeat_; }
  [[nodiscard]] const afxdp::Driver& driver() const { return *driver_; }
  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] Publisher& publisher() { return *publisher_; }
  [[nodiscard]] Follower& follower() { return *follower_; }
  [[nodiscard]] PortChanger& changer() { return *changer_; }

 private:
  [[nodiscard]] Status load_tables();
  void count_losses();
  void begin_settings();
  [[nodiscard]] Status open_driver();
  void enable_bursts();
  [[nodiscard]] Status open_engine();
  [[nodiscard]] Status open_follower();

  boost::asio::io_context& io_;
  Running& running_;
  Origin origin_;
  std::function<void(const std::string&)> complain_;
  std::function<void(const std::string&)> note_;
  std::vector<std::string> problems_;
  TickClock clock_;
  // In the order of making: each object refers to earlier ones only.
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<XdpHook> hook_;
  std::unique_ptr<FlowTables> flows_;
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
  std::unique_ptr<DeviceKeeper> keeper_;
  std::thread engine_thread_;
};

}  // namespace twinpath
