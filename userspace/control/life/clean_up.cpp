#include "control/life/clean_up.hpp"

#include "base/paths.hpp"
#include "control/life/journal.hpp"
#include "kernel/pins.hpp"

namespace twinpath {

Status clean_up(const std::string& name) {
  auto journal = load_journal(name);
  remove_pins(pin_directory(kBpfFs, name));
  Status restored;
  if (!journal)
    restored = pass_on(std::move(journal.error()).in("programs and pins are gone, but offloads are not restored"));
  else if (*journal)
    restored = netlink::restore_offloads((*journal)->offloads);
  remove_journal(name);
  return restored;
}

}  // namespace twinpath
