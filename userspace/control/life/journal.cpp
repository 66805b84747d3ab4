#include "control/life/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/fd.hpp"

namespace twinpath {
namespace {

nlohmann::json to_json(const netlink::OffloadChange& change) {
  return {{"device", change.device},   {"ifindex", change.ifindex}, {"netns", change.netns},
          {"feature", change.feature}, {"before", change.before},   {"done_for", change.done_for}};
}

netlink::OffloadChange offload_from(const nlohmann::json& saved) {
  return {saved.at("device"),  saved.at("ifindex"), saved.at("netns"),
          saved.at("feature"), saved.at("before"),  saved.value("done_for", "")};
}

nlohmann::json to_json(const netlink::SysctlChange& change) {
  return {{"device", change.device}, {"ifindex", change.ifindex}, {"netns", change.netns}, {"family", change.family},
          {"name", change.name},     {"before", change.before},   {"after", change.after}};
}

netlink::SysctlChange sysctl_from(const nlohmann::json& saved) {
  return {saved.at("device"), saved.at("ifindex"), saved.at("netns"), saved.at("family"),
          saved.at("name"),   saved.at("before"),  saved.at("after")};
}

nlohmann::json to_json(const netlink::FoundNeighbours& found) {
  nlohmann::json managed = nlohmann::json::object();
  for (const auto& [address, was_managed] : found.managed) managed[to_string(address)] = was_managed;
  return {{"device", found.device}, {"ifindex", found.ifindex}, {"managed", managed}};
}

netlink::FoundNeighbours neighbours_from(const nlohmann::json& saved) {
  netlink::FoundNeighbours found{saved.at("device"), saved.at("ifindex"), {}};
  for (const auto& [address, was_managed] : saved.at("managed").items())
    found.managed[parse_address(address)] = was_managed;
  return found;
}

template <class Change>
nlohmann::json list_json(const std::vector<Change>& changes) {
  nlohmann::json list = nlohmann::json::array();
  for (const Change& change : changes) list.push_back(to_json(change));
  return list;
}

nlohmann::json to_json(const Journal& journal) {
  return {{"name", journal.name},
          {"netns", journal.netns},
          {"netns_inode", journal.netns_inode},
          {"socket", journal.socket},
          {"pid", journal.pid},
          {"numbers", to_json(journal.numbers)},
          {"reassigned_zones", journal.reassigned_zones},
          {"offloads", list_json(journal.offloads)},
          {"sysctls", list_json(journal.sysctls)},
          {"neighbours", list_json(journal.neighbours)},
          {"confirmed", journal.confirmed}};
}

}  // namespace

void Journal::assign(const NumberAllocation& next) {
  for (const std::uint8_t zone : find_reassigned_zones(numbers, next))
    if (std::ranges::find(reassigned_zones, zone) == reassigned_zones.end()) reassigned_zones.push_back(zone);
  numbers = next;
}

Status save_journal(const Journal& journal) {
  std::error_code error;
  std::filesystem::create_directories(kRunFolder, error);
  if (error) return fail(error.value(), "make {}", kRunFolder);
  const std::string path = journal_path(journal.name);
  const std::string fresh = path + ".new";
  const std::string text = to_json(journal).dump(2) + "\n";
  UniqueFd file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file) return fail(errno, "open {}", fresh);
  errno = ENOSPC;  // a short write does not set errno
  if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    if (::rename(fresh.c_str(), path.c_str()) == 0) return {};
  }
  const int reason = errno;
  ::unlink(fresh.c_str());
  return fail(reason, "write {}", path);
}

Result<std::optional<Journal>> load_journal(const std::string& name) {
  std::ifstream file(journal_path(name));
  if (!file) return std::optional<Journal>{};
  try {
    const auto saved = nlohmann::json::parse(file);
    Journal journal;
    journal.name = saved.at("name");
    journal.netns = saved.at("netns");
    journal.netns_inode = saved.value("netns_inode", journal.netns_inode);
    journal.socket = saved.at("socket");
    journal.pid = saved.at("pid");
    auto numbers = number_allocation_from_json(saved.at("numbers"));
    if (!numbers) return pass_on(std::move(numbers.error()).in(journal_path(name)));
    journal.numbers = std::move(*numbers);
    journal.reassigned_zones = saved.value("reassigned_zones", journal.reassigned_zones);
    journal.confirmed = saved.value("confirmed", nlohmann::json());
    for (const auto& change : saved.at("offloads")) journal.offloads.push_back(offload_from(change));
    for (const auto& change : saved.value("sysctls", nlohmann::json::array()))
      journal.sysctls.push_back(sysctl_from(change));
    for (const auto& found : saved.value("neighbours", nlohmann::json::array()))
      journal.neighbours.push_back(neighbours_from(found));
    return std::optional<Journal>{std::move(journal)};
  } catch (const nlohmann::json::exception& error) {
    return refuse("{}: {}", journal_path(name), error.what());
  }
}

void remove_journal(const std::string& name) { ::unlink(journal_path(name).c_str()); }

}  // namespace twinpath
