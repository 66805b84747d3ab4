#include "netlink/router_role.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <ranges>

#include "netlink/device.hpp"

namespace twinpath::netlink {
namespace {

struct Wanted {
  const char* family;
  const char* name;
  const char* value;
  const char* value_taking;  // on a port that takes router advertisements
};

// `forwarding` comes last: it throws away what router advertisements have brought, but for devices whose accept_ra is 2
// (net/ipv6/route.c, rt6_purge_dflt_routers).
constexpr Wanted kWanted[] = {
    {"ipv6", "accept_ra", "0", "2"},           {"ipv6", "accept_redirects", "0", "1"},
    {"ipv4", "accept_redirects", "0", "1"},    {"ipv6", "accept_source_route", "0", "0"},
    {"ipv4", "accept_source_route", "0", "0"}, {"ipv6", "forwarding", "1", "1"},
};

std::string path_of(const std::string& family, const std::string& device, const std::string& name) {
  return fmt::format("/proc/sys/net/{}/conf/{}/{}", family, device, name);
}

// Nothing: there is no such value, since the device has no IPv6.
Result<std::optional<std::string>> read_value(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file && errno == ENOENT) return std::optional<std::string>{};
  std::array<char, 32> text{};
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (got < 0) return fail(errno, "read {}", path);
  std::string value(text.data(), static_cast<std::size_t>(got));
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return std::optional<std::string>{std::move(value)};
}

Status write_value(const std::string& path, const std::string& value) {
  const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!file || ::write(file.get(), value.data(), value.size()) < 0) return fail(errno, "write {} to {}", value, path);
  return {};
}

// Of a device in the calling thread's namespace, which may have been renamed since.
Status restore_here(const SysctlChange& change) {
  auto link = find_device(change.ifindex);
  if (!link) return link.error().code == ENODEV ? Status{} : pass_on(std::move(link.error()));
  const std::string path = path_of(change.family, link->name, change.name);
  auto now = read_value(path);
  if (!now) return pass_on(std::move(now.error()));
  return *now == change.after ? write_value(path, change.before) : Status{};
}

}  // namespace

Result<std::vector<SysctlChange>> plan_router_role(const std::string& device, std::uint32_t ifindex,
                                                   bool takes_advertisements) {
  auto netns = own_netns();
  if (!netns) return pass_on(std::move(netns.error()));
  std::vector<SysctlChange> changes;
  for (const Wanted& wanted : kWanted) {
    auto before = read_value(path_of(wanted.family, device, wanted.name));
    if (!before) return pass_on(std::move(before.error()));
    const std::string after = takes_advertisements ? wanted.value_taking : wanted.value;
    if (*before && **before != after)
      changes.push_back({device, ifindex, *netns, wanted.family, wanted.name, **before, after});
  }
  return changes;
}

std::vector<std::string> apply_sysctls(const std::vector<SysctlChange>& changes) {
  std::vector<std::string> problems;
  for (const SysctlChange& change : changes) {
    const auto written = write_value(path_of(change.family, change.device, change.name), change.after);
    if (written) continue;
    problems.push_back(fmt::format("net.{}.conf.{}.{} stays {} instead of {}: {}", change.family, change.device,
                                   change.name, change.before, change.after, std::strerror(written.error().code)));
  }
  return problems;
}

std::vector<SysctlChange> take_sysctls_of(std::vector<SysctlChange>& changes, const std::string& device) {
  std::vector<SysctlChange> taken;
  std::ranges::copy_if(changes, std::back_inserter(taken),
                       [&](const SysctlChange& change) { return change.device == device; });
  std::erase_if(changes, [&](const SysctlChange& change) { return change.device == device; });
  return taken;
}

Status restore_sysctls(const std::vector<SysctlChange>& changes) {
  Status first_fault;
  for (const SysctlChange& change : std::views::reverse(changes)) {
    auto netns = find_netns(change.netns);
    if (!netns) continue;
    Status restored = run_in_netns(*netns, [&] { return restore_here(change); });
    if (!restored && first_fault) first_fault = pass_on(std::move(restored.error()).in("restore " + change.device));
  }
  return first_fault;
}

}  // namespace twinpath::netlink
