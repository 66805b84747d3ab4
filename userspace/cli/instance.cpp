#include "cli/instance.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/bpffs.hpp"
#include "base/link_pin.hpp"
#include "base/name.hpp"
#include "base/text.hpp"
#include "cli/format.hpp"

namespace twinpath::cli {
namespace {

namespace fs = std::filesystem;

// Gateways that left a socket or a state file; alive or dead.
std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".sock" || entry.path().extension() == ".json") names.insert(entry.path().stem());
  return names;
}

Result<std::string> choose_name(const Global& global, const std::string& folder) {
  if (global.name) {
    if (Status good = check_name(*global.name); !good) return pass_on(good.error());
    return *global.name;
  }
  const std::set<std::string> names = names_in(folder);
  if (names.empty() || names.contains("default") || !global.socket.empty()) return "default";
  if (names.size() == 1) return *names.begin();
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return refuse("there are several gateways, pick one with -n: {}", list);
}

// The journal of the gateway; null when it has none.
nlohmann::json journal_of(const std::string& folder, const std::string& name) {
  std::ifstream file(folder + "/" + name + ".json");
  return nlohmann::json::parse(file, nullptr, false);
}

std::string netns_path(const std::string& name) { return std::string(kNetnsFolder) + "/" + name; }

// By its name, or by its inode: the gateway may have been started from inside.
Status check_place(const Global& global, const std::string& name, const nlohmann::json& journal) {
  if (global.netns.empty() || !journal.is_object()) return {};
  const json& netns = member(journal, "netns");
  struct stat file {};
  if (!netns.is_string() || netns == global.netns) return {};
  if (::stat(netns_path(global.netns).c_str(), &file) == 0 &&
      number_or_zero(member(journal, "netns_inode")) == file.st_ino)
    return {};
  const std::string where = netns.get<std::string>();
  return refuse(
      "gateway \"{}\" is in {}, not in \"{}\"", name,
      where.empty() ? "the network namespace that it was started in" : fmt::format("network namespace \"{}\"", where),
      global.netns);
}

}  // namespace

Status check_name(std::string_view name) {
  if (!is_gateway_name(name)) return refuse("-n: {}: must be {}", in_quotes(name), kGatewayNameText);
  return {};
}

Status check_netns(const Global& global) {
  if (global.netns.empty()) return {};
  std::error_code error;
  if (global.netns.find('/') == global.netns.npos && fs::exists(netns_path(global.netns), error)) return {};
  return refuse("there is no network namespace \"{}\" in {}", global.netns, kNetnsFolder);
}

std::vector<std::string> left_devices(const std::string& name) {
  std::vector<std::string> devices;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(pin_path(name, find_bpffs()), error))
    if (auto device = device_of_link_pin(entry.path().filename().string())) devices.push_back(std::move(*device));
  std::ranges::sort(devices);
  return devices;
}

Left what_is_left(const std::string& name) {
  std::error_code error;
  if (!left_devices(name).empty()) return Left::datapath;
  const bool files = fs::exists(journal_path(name), error) || fs::exists(pin_path(name, find_bpffs()), error);
  return files ? Left::files : Left::nothing;
}

Result<Instance> find_instance(const Global& global, const std::string& folder) {
  Result<std::string> name = choose_name(global, folder);
  if (!name) return pass_on(name.error());
  const nlohmann::json journal = journal_of(folder, *name);
  if (Status place = check_place(global, *name, journal); !place) return pass_on(place.error());
  std::string socket = folder + "/" + *name + ".sock";
  if (const json& noted = member(journal, "socket"); noted.is_string()) socket = noted;
  if (!global.socket.empty()) socket = global.socket;
  return Instance{std::move(*name), std::move(socket)};
}

}  // namespace twinpath::cli
