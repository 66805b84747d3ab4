// running.hpp - the configuration in force, the tables compiled from it, and the journal of both.
//
// Owner    Control. Thread: the control thread's.
// Writers  Reloader (all three), CommitConfirm (`journal.confirmed`), PortChanger (`journal.offloads`), Datapath
//          (`journal.reassigned_zones`). All others read.
#pragma once

#include "config/compile.hpp"
#include "config/config.hpp"
#include "control/life/journal.hpp"

namespace twinpath {

struct Running {
  Config config;
  TableImage image;
  Journal journal;
};

}  // namespace twinpath
