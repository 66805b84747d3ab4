#include "bench/pktgen/drive.hpp"

#include <sys/stat.h>

#include "bench/pktgen/kernel_pktgen.hpp"
#include "bench/pktgen/netns.hpp"

namespace twinpath::pktgen {
namespace {

// Of the device's namespace: each has a pktgen of its own.
bool has_pktgen(const std::string& netns, const std::string& folder) {
  const Status there = in_netns(netns, [&]() -> Status {
    struct stat facts {};
    if (::stat(folder.c_str(), &facts) != 0) return fail(errno, "{}", folder);
    return {};
  });
  return there.has_value();
}

Result<Outcome> drive_kernel(const RunOptions& wanted, const std::string& folder, const std::atomic<bool>* stop) {
  auto options = with_addresses(for_kernel(wanted));
  if (!options) return pass_on(std::move(options.error()));
  KernelPktgen sender{options->generator, folder};
  auto report = measure_with(sender, *options, stop);
  if (!report) return pass_on(std::move(report.error()));
  return Outcome{std::move(*report), "kernel"};
}

}  // namespace

Result<Outcome> drive(const CommandLine& line, const std::string& folder, const std::atomic<bool>* stop) {
  const bool there = line.driver != Driver::live && has_pktgen(line.run.generator.netns, folder);
  const Status able = kernel_can(line.run);
  if (line.driver == Driver::kernel) {
    if (!there) return refuse("there is no /proc/net/pktgen: the module pktgen is not loaded (modprobe pktgen)");
    if (!able) return pass_on(able.error());
  }
  if (there && able) return drive_kernel(line.run, folder, stop);
  auto report = measure(line.run, stop);
  if (!report) return pass_on(std::move(report.error()));
  return Outcome{std::move(*report), "live"};
}

}  // namespace twinpath::pktgen
