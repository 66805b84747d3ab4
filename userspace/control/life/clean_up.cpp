#include "control/life/clean_up.hpp"

#include "base/bpffs.hpp"
#include "control/life/journal.hpp"
#include "kernel/pins.hpp"

namespace twinpath {

namespace {

Status restore(const Journal& journal) {
  Status offloads = netlink::restore_offloads(journal.offloads);
  Status sysctls = netlink::restore_sysctls(journal.sysctls);
  Status neighbours = netlink::put_neighbours_back(journal.neighbours);
  if (!offloads) return offloads;
  return sysctls ? neighbours : sysctls;
}

}  // namespace

Status clean_up(const std::string& name) {
  auto journal = load_journal(name);
  remove_pins(pin_directory(find_bpffs(), name));
  Status restored;
  if (!journal)
    restored =
        pass_on(std::move(journal.error()).in("programs and pins are gone, but offloads and sysctls are not restored"));
  else if (*journal)
    restored = restore(**journal);
  remove_journal(name);
  return restored;
}

}  // namespace twinpath
