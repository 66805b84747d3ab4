// port_changer.hpp - the ports' part of a reload: those that come are opened, those that go are closed, and in between
// nobody is judged by the wrong zone.
//
// Steps    open() · replace the set of ports · hold_back() · publish the tables · wait until nobody works on the old ones ·
//          release() · close() what goes. Until the publication, give_back() undoes.
// Journal  has the number of a port before anything of it is in the tables, and what is changed on a device before XDP is
//          attached; what is undone is taken out of it afterwards. So a kill -9 at any moment leaves nothing that `down` or
//          the next start does not undo.
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
  PortChanger(const Parts& parts, PortOpener::AskEngine ask, std::function<void(const std::string&)> complain);

  // For a start, too: notes what is changed on devices in the journal.
  [[nodiscard]] PortOpener& opener() { return opener_; }

  // Opens what comes, of no zone yet. The fault says which port failed; then all are closed again.
  [[nodiscard]] tl::expected<void, Fault> open(ReloadPlan& plan, const NumberAllocation& running);
  // Closes again what open() opened; the tables in force know nothing of it.
  void give_back(const ReloadPlan& plan, const NumberAllocation& running);
  // The ports as they are to be, in the order of the document.
  [[nodiscard]] std::vector<Port> after(const ReloadPlan& plan) const;

  // Ports that are none any more, or are to be in another zone, are of no zone until release(). A check of sources that is
  // loosened stays as it is until then; one that is tightened comes first. What is published next waits until no packet
  // that was read before is still being judged.
  void hold_back(const TableImage& image);
  void release(const TableImage& image);

  // Takes the port off its device, which is then as it was found.
  void close(const Port& port);
  // What a daemon that died had changed for devices that are no ports any more.
  void restore_others();

 private:
  [[nodiscard]] Status note(const std::vector<netlink::OffloadChange>& changes);
  void save();
  void restore(const std::string& device);
  void zero_counters(const std::vector<std::uint16_t>& numbers);

  Parts parts_;
  PortOpener opener_;
  std::function<void(const std::string&)> complain_;
};

}  // namespace twinpath
