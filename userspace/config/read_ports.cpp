#include <algorithm>
#include <map>

#include "config/choices.hpp"
#include "config/name.hpp"
#include "config/sections.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

constexpr std::size_t kDeviceCharacters = 15;  // IFNAMSIZ less its zero

// As the kernel's dev_valid_name(): no slash, colon or white space.
bool is_device(std::string_view text) {
  if (text.empty() || text.size() > kDeviceCharacters || text == "." || text == "..") return false;
  return std::ranges::none_of(text, [](char c) { return c == '/' || c == ':' || c <= ' ' || c > '~'; });
}

void read_device(ObjectReader& reader, PortConfig& port) {
  const json* value = reader.need("device", "the name of a network device");
  if (value == nullptr) return;
  if (value->is_string() && is_device(value->get_ref<const std::string&>()))
    port.device = value->get<std::string>();
  else
    reader.fault("device", *value, "must be the name of a network device, 1 to 15 characters");
}

void read_port_name(ObjectReader& reader, PortConfig& port) {
  if (reader.find("name") != nullptr) return reader.name("name", port.name);
  if (is_name(port.device))
    port.name = port.device;
  else if (!port.device.empty())
    reader.fault("name", "missing: the device's name is none that a port can have");
}

void read_port_zone(ObjectReader& reader, PortConfig& port) {
  const json* value = reader.need("zone", "the name of a zone");
  std::string zone;
  if (value == nullptr || !read_name(*value, reader.path_of("zone"), zone, reader.faults())) return;
  if (zone == kHostZone) return reader.fault("zone", *value, "is reserved for the host's own addresses");
  if (zone == "any") return reader.fault("zone", *value, "is reserved: in rules it means every zone");
  port.zone = zone;
}

void read_hook(ObjectReader& reader, PortConfig& port) {
  const json* value = reader.find("hook");
  if (value != nullptr && *value == "tc")
    return reader.fault("hook", *value, "not supported by this version; use xdp or auto");
  reader.choice("hook", port.hook, kHooks);
}

void read_queues(ObjectReader& reader, PortConfig& port) {
  const json* value = reader.find("queues");
  if (value == nullptr || *value == "all") return;
  const bool fits = value->is_number_unsigned() && *value >= 1u && *value <= static_cast<unsigned>(DP_QUEUES_MAX);
  if (fits)
    port.queues = value->get<std::uint32_t>();
  else
    reader.fault("queues", *value, fmt::format("must be \"all\" or a whole number 1..{}", int{DP_QUEUES_MAX}));
}

PortConfig read_port(const json& value, const std::string& path, FaultList& faults) {
  ObjectReader reader(value, path, faults);
  PortConfig port;
  read_device(reader, port);
  read_port_name(reader, port);
  read_port_zone(reader, port);
  read_hook(reader, port);
  reader.choice("attach", port.attach, kAttaches);
  reader.choice("sockets", port.sockets, kSockets);
  reader.boolean("workload", port.workload);
  reader.choice("offloads", port.offloads, kOffloads);
  reader.choice("source_check", port.source_check, kSourceChecks);
  read_queues(reader, port);
  reader.finish();
  return port;
}

// One fault for each port whose `member` an earlier port has already.
void refuse_twins(const std::vector<PortConfig>& ports, std::string PortConfig::*member, std::string_view key,
                  FaultList& faults) {
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string& value = ports[i].*member;
    const auto [seen, fresh] = first.emplace(value, i);
    if (fresh || value.empty()) continue;
    faults.add(member_path(element_path("ports", i), key),
               fmt::format("{}: also the {} of ports[{}]", shown(value), key, seen->second));
  }
}

void refuse_zone_name(std::string_view name, const std::string& path, FaultList& faults) {
  if (!is_name(name)) faults.add(path, fmt::format("{}: {}", shown(std::string(name)), kNameWanted));
  if (name == "any") faults.add(path, "\"any\": is reserved: in rules it means every zone");
}

std::map<std::string, ZoneConfig> zones_of_ports(const std::vector<PortConfig>& ports) {
  std::map<std::string, ZoneConfig> zones;
  for (const PortConfig& port : ports)
    if (!port.zone.empty()) zones[port.zone] = {port.zone, DP_ACTION_DROP};
  zones[std::string(kHostZone)] = {std::string(kHostZone), DP_ACTION_ALLOW};
  return zones;
}

}  // namespace

void read_ports(ObjectReader& root, Config& config) {
  const json* value = root.need("ports", "a list of at least one port");
  if (value == nullptr) return;
  root.list("ports", [&](const json& element, const std::string& path) {
    config.ports.push_back(read_port(element, path, root.faults()));
  });
  if (value->is_array() && value->empty()) root.fault("ports", *value, "must name at least one port");
  if (config.ports.size() > kPortsMax)
    root.fault("ports", fmt::format("{} ports: at most {} are allowed", config.ports.size(), kPortsMax));
  refuse_twins(config.ports, &PortConfig::name, "name", root.faults());
  refuse_twins(config.ports, &PortConfig::device, "device", root.faults());
}

void read_zones(ObjectReader& root, Config& config) {
  std::map<std::string, ZoneConfig> zones = zones_of_ports(config.ports);
  const json* value = root.find("zones");
  if (value != nullptr && !value->is_object()) root.fault("zones", *value, "must be an object");
  if (value != nullptr && value->is_object()) {
    for (const auto& [name, settings] : value->items()) {
      const std::string path = member_path(root.path_of("zones"), name);
      refuse_zone_name(name, path, root.faults());
      ZoneConfig& zone = zones[name];
      zone.name = name;
      ObjectReader reader(settings, path, root.faults());
      reader.choice("default", zone.default_action, kActions);
      reader.finish();
    }
  }
  if (zones.size() > kZonesMax + 1)
    root.fault("zones", fmt::format("{} zones besides host: at most {} are allowed", zones.size() - 1, kZonesMax));
  for (auto& [name, zone] : zones) config.zones.push_back(std::move(zone));
}

}  // namespace twinpath
