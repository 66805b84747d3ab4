// journal.hpp - what a later process must know to adopt or undo a gateway: one JSON file, replaced whole.
//
// Path     journal_path() of base/paths.hpp. The CLI reads `socket` and `netns` from it.
// Written  before a change to the host is made where that is possible, else right after it; so a kill -9 at any moment
//          leaves at most one change unknown.
// Thread   the control thread's.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "base/result.hpp"
#include "config/numbers.hpp"
#include "netlink/offloads.hpp"

namespace twinpath {

struct Journal {
  std::string name;
  std::string netns;   // as given to --netns; empty: the one twinpath was started in
  std::string socket;  // of the REST server
  int pid = 0;
  NumberAllocation numbers;
  std::vector<netlink::OffloadChange> offloads;
  nlohmann::json confirmed;  // the document that was in force last without waiting to be confirmed; null: none
};

[[nodiscard]] Status save_journal(const Journal& journal);
// Absent: no file. An unreadable one is an error that names it.
[[nodiscard]] Result<std::optional<Journal>> load_journal(const std::string& name);
void remove_journal(const std::string& name);

}  // namespace twinpath
