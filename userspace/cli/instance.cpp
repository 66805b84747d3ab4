#include "cli/instance.hpp"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "config/name.hpp"

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

std::string socket_of(const std::string& folder, const std::string& name) {
  std::ifstream file(folder + "/" + name + ".json");
  const nlohmann::json state = nlohmann::json::parse(file, nullptr, false);
  if (state.is_object() && state.contains("socket") && state["socket"].is_string()) return state["socket"];
  return folder + "/" + name + ".sock";
}

}  // namespace

Status check_name(std::string_view name) {
  if (!is_gateway_name(name))
    return refuse("\"{}\" is not a gateway's name: letters, digits, _ and - only, 1 to {}", name, kNameCharacters);
  return {};
}

Result<Instance> find_instance(const Global& global, const std::string& folder) {
  Result<std::string> name = choose_name(global, folder);
  if (!name) return pass_on(name.error());
  std::string socket = global.socket.empty() ? socket_of(folder, *name) : global.socket;
  return Instance{std::move(*name), std::move(socket)};
}

}  // namespace twinpath::cli
