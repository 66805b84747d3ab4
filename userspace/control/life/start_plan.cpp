#include "control/life/start_plan.hpp"

#include <unistd.h>

#include "base/bpffs.hpp"
#include "base/paths.hpp"
#include "kernel/pins.hpp"

namespace twinpath {

namespace {

// A namespace may have several names or none, and one that is made anew under its name is where its devices are.
bool same_netns(const Journal& saved, const NetnsPlace& here) {
  if (saved.netns_inode == here.inode) return true;
  return saved.netns == here.name && (!here.name.empty() || saved.netns_inode == 0);
}

std::string netns_text(const std::string& name) {
  return name.empty() ? "the network namespace that it was started in" : fmt::format("network namespace \"{}\"", name);
}

}  // namespace

Result<Journal> continue_journal(std::optional<Journal> saved, bool adopting, const Config& config,
                                 const NetnsPlace& here) {
  if (adopting && !saved)
    return refuse("a datapath of this name is forwarding, but {} is gone: run \"twinpath -n {} down\" first",
                  journal_path(config.name), config.name);
  if (adopting && !same_netns(*saved, here))
    return refuse(
        "a datapath of this name is forwarding in {}, not in {}: start it there, or run \"twinpath -n {} down\" first",
        netns_text(saved->netns), here.name.empty() ? "this one" : netns_text(here.name), config.name);
  Journal journal = saved ? std::move(*saved) : Journal{};
  if (!adopting) {
    journal.confirmed = nullptr;       // no longer in force, so nothing can be rolled back to it
    journal.reassigned_zones.clear();  // its flows are gone
  }
  journal.name = config.name;
  journal.netns = here.name;
  journal.netns_inode = here.inode;
  journal.socket = config.api.unix_path;
  journal.pid = ::getpid();
  return journal;
}

Result<StartPlan> plan_start(const Config& config, const std::string& netns) {
  StartPlan plan;
  plan.pins = pin_directory(find_bpffs(), config.name);
  plan.adopting = !pinned_devices(plan.pins).empty();
  auto saved = load_journal(config.name);
  if (!saved) return pass_on(std::move(saved.error()));
  auto inode = netlink::own_netns();
  if (!inode) return pass_on(std::move(inode.error()));
  auto journal = continue_journal(std::move(*saved), plan.adopting, config, {netns, *inode});
  if (!journal) return pass_on(std::move(journal.error()));
  auto image = compile(config, journal->numbers);
  if (!image) return refuse("{}", image.error().line());
  journal->assign(image->numbers);
  auto ports = PortSet::survey(config, *image, plan.pins);
  if (!ports) return pass_on(std::move(ports.error()));
  plan.ports = std::move(*ports);
  plan.running = {config, std::move(*image), std::move(*journal)};
  return plan;
}

}  // namespace twinpath
