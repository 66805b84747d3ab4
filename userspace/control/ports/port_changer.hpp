// port_changer.hpp - the ports' part of a reload: opens added ports, closes removed ones, and moves ports between zones
// so that no packet is decided by the zone of one configuration and the rules of another.
//
// Steps    open() · PortSet::replace() · restrict_trust() · publish the tables · Publisher::wait_for_readers() ·
//          apply_trust() · close() each removed port. Before the publication, undo_open() closes the added ports again.
// Journal  The caller saves the numbers of ports before open(). Each change to a device is saved before it is made. The record of a change is deleted after the change is undone. So after a kill -9 at
//          any moment, `down` or the next start can undo everything.
// Thread   the control thread's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/fault.hpp"
#include "control/follow/follower.hpp"
#include "control/life/journal.hpp"
#include "control/ports/port_opener.hpp"
#include "control/ports/port_set.hpp"
#include "control/publish/reload_plan.hpp"
#include "engine/engine.hpp"

namespace twinpath {

class PortChanger {
 public:
  struct Parts {
    Tables& tables;
    XdpHook& hook;
    Engine& engine;
    Follower& follower;
    PortSet& ports;
    Journal& journal;
  };
  PortChanger(const Parts& parts, DeviceOpener::CallEngine call_engine,
              std::function<void(const std::string&)> complain);

  // Also opens the ports of a start. It saves every change to a device in the journal.
  [[nodiscard]] PortOpener& opener() { return opener_; }

  // Opens the added ports without a zone. On failure all of them are closed again, and the fault names the port.
  [[nodiscard]] tl::expected<void, Fault> open(ReloadPlan& plan, const NumberAllocation& running);
  // Closes the ports that open() opened. No table in force refers to them yet.
  void undo_open(const ReloadPlan& plan);
  // The ports after the reload, in the order of the document.
  [[nodiscard]] std::vector<Port> after(const ReloadPlan& plan) const;

  // Takes removed ports and ports that change zone out of their zone until apply_trust(). A source check that becomes
  // stricter takes effect at once, one that becomes looser in apply_trust(). The publication that follows waits until
  // no datapath still decides by what it read before this call.
  void restrict_trust(const TableImage& image);
  // Gives every port the zone and the source check of its configuration.
  void apply_trust(const TableImage& image);

  // For ports whose `ra` the reload has changed.
  void take_router_roles();

  // Removes the port and restores its device to the state it was found in.
  void close(const Port& port);
  // Saves in the journal which neighbours Linux has on the device of this port, unless it has them from before.
  void note_neighbours(const Port& port);

  // For a port that stays. lose_device(): its device is gone, or is to be opened anew. gain_device(): a device that was
  // surveyed, opened in the zone that the port has in `image`; on failure it is closed again.
  void lose_device(const Port& port);
  [[nodiscard]] Status gain_device(Port& port, const TableImage& image);

  // Undoes the changes that an earlier daemon made on devices that are no ports of this configuration.
  void restore_others();

 private:
  [[nodiscard]] Status note(const std::vector<netlink::OffloadChange>& changes);
  [[nodiscard]] Status note_sysctls(const std::vector<netlink::SysctlChange>& changes);
  void save();
  void leave(const Port& port);
  void restore(const std::string& device);
  void put_neighbours_back(const std::string& device);
  void zero_counters(const std::vector<std::uint16_t>& numbers);

  Parts parts_;
  PortOpener opener_;
  std::function<void(const std::string&)> complain_;
};

}  // namespace twinpath
