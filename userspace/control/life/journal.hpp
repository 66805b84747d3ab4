// journal.hpp - the facts that a later process needs to adopt or undo a gateway: one JSON file, replaced as a whole.
//
// Path     journal_path() of base/paths.hpp. The CLI reads `socket`, `netns` and `netns_inode` from it.
// Written  before a change to the host: a kill -9 leaves no unrecorded change. What it names may not have been done yet;
//          to undo that changes nothing.
// Thread   the control thread's.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "base/result.hpp"
#include "config/numbers.hpp"
#include "netlink/found_neighbours.hpp"
#include "netlink/netns.hpp"
#include "netlink/offloads.hpp"
#include "netlink/router_role.hpp"

namespace twinpath {

struct Journal {
  std::string name;
  std::string netns;                    // of --netns; empty: the network namespace that twinpath was started in
  netlink::NetnsInode netns_inode = 0;  // of that namespace, by whatever name; 0: not known
  std::string socket;                   // of the REST server
  int pid = 0;
  NumberAllocation numbers;  // saved before they are in force
  // Zone numbers that mean another zone than they did: flows of the earlier zone may still be in the flow table. Saved
  // with the new numbers, and emptied when those flows are deleted.
  std::vector<std::uint8_t> reassigned_zones;
  std::vector<netlink::OffloadChange> offloads;
  std::vector<netlink::SysctlChange> sysctls;
  std::vector<netlink::FoundNeighbours> neighbours;  // of each port's device, before it was opened
  nlohmann::json confirmed;  // the last document that was confirmed or did not have to be; null: none

  // The numbers of another configuration, which is to be in force; adds to `reassigned_zones`.
  void assign(const NumberAllocation& next);
};

[[nodiscard]] Status save_journal(const Journal& journal);
// Absent: no file. An unreadable one is an error that names it.
[[nodiscard]] Result<std::optional<Journal>> load_journal(const std::string& name);
void remove_journal(const std::string& name);

}  // namespace twinpath
