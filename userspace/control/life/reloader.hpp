// reloader.hpp - replaces the running configuration, ports and zones included, in one transaction.
//
// Order     The steps that can fail come first. Added ports are opened and attached without a zone, so they forward
//           nothing. Removed ports and ports that change zone lose their zone, then the banks are flipped. When no
//           datapath uses the old tables any more, ports get their new zones, and removed ports are closed. So every
//           forwarded packet was decided wholly by one of the two configurations. Ports that are kept in their zone
//           lose no packet; a port that changes zone forwards nothing for some ten milliseconds.
// Undo      Before the flip every step can be undone, and the fault names the failed one. After the flip the reload
//           cannot fail: later errors are logged.
// Numbers   Flow entries hold numbers of zones: when a number is reassigned to another zone, the flows of the earlier
//           zone are deleted before a port is in the new one. The journal has the new numbers before the first of them is
//           in a table, and what is still to be deleted until it is done: after a kill -9 at any moment the next start
//           knows both. Flow entries also hold numbers of rules (rule_counters.hpp) and
//           next hops, which are not used under another generation. Numbers of ports: port_plan.hpp.
// Driver    Belongs to the engine's thread, which opens and closes sockets between two bursts. Meanwhile steered
//           packets of other ports wait in their rings, and the kernel forwards the rest.
// Thread    The io_context's; parsing and compiling run on the worker's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/fault.hpp"
#include "control/life/datapath.hpp"
#include "control/life/running.hpp"
#include "control/publish/reload_plan.hpp"
#include "control/publish/reload_worker.hpp"

namespace twinpath {

class Reloader {
 public:
  // `complain` gets one line for each error after the flip.
  Reloader(boost::asio::io_context& io, Running& running, Datapath& datapath,
           std::function<void(const std::string&)> complain);

  // A document is being compiled or applied.
  [[nodiscard]] bool busy() const { return worker_.busy(); }
  // Parses and plans a document on the worker; `done` gets the plan or the faults. `keep_name`: the running name replaces
  // the document's. Precondition: not busy.
  void plan(std::string text, bool keep_name, ReloadWorker::Done done);
  // Puts a plan in force. A fault without a path is a failure on the host, not a fault of the document. On failure the
  // former configuration is in force.
  [[nodiscard]] tl::expected<void, Fault> apply(ReloadPlan plan);
  // Plans and applies a configuration that was in force before, wholly on the calling thread.
  [[nodiscard]] Status restore(Config before);

 private:
  [[nodiscard]] ReloadBase base() const;
  [[nodiscard]] Status note_numbers(const NumberAllocation& next);
  void take_numbers_back();
  [[nodiscard]] Status publish(const TableImage& image, bool ports_change);
  void finish_ports(const PortSet& before);

  Running& running_;
  Datapath& datapath_;
  std::function<void(const std::string&)> complain_;
  ReloadWorker worker_;
};

}  // namespace twinpath
