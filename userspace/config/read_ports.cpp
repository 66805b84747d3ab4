#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/mac.hpp"
#include "base/name.hpp"
#include "common/wire/ethernet.h"
#include "config/choices.hpp"
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

// IP and ARP are decided by rules of their own, and a tag belongs to the frame's link.
constexpr std::array<std::uint32_t, 5> kDecidedEtherTypes{DP_ETHERTYPE_IPV4, DP_ETHERTYPE_IPV6, DP_ETHERTYPE_ARP,
                                                          DP_ETHERTYPE_VLAN, DP_ETHERTYPE_QINQ};

// A name, a number, or a number in a text: "0x88b5".
std::optional<std::uint16_t> ether_type_of(const json& value) {
  std::uint32_t number = 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (const auto named = value_of(kEtherTypes, text)) return named;
    if (!text.starts_with("0x")) return {};
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
  } else if (value.is_number_unsigned() && value <= 0xffffu) {
    number = value.get<std::uint32_t>();
  }
  if (number < DP_ETHERTYPE_FIRST || number > 0xffff) return {};
  return static_cast<std::uint16_t>(number);
}

void read_pass_ethertypes(ObjectReader& reader, PortConfig& port) {
  const json* value = reader.find("pass_ethertypes");
  if (value == nullptr) return;
  port.pass_ethertypes.clear();
  reader.list("pass_ethertypes", [&](const json& element, const std::string& path) {
    const auto type = ether_type_of(element);
    if (!type)
      reader.faults().add(path, fmt::format("{}: must be an EtherType, a number from 1536 or one of {}", shown(element),
                                            words_of(kEtherTypes)));
    else if (std::ranges::find(kDecidedEtherTypes, *type) != kDecidedEtherTypes.end())
      reader.faults().add(path, fmt::format("{}: IP, ARP and tagged frames are decided, not passed", shown(element)));
    else
      port.pass_ethertypes.push_back(*type);
  });
  if (port.pass_ethertypes.size() > DP_PORT_ETHERTYPES_MAX)
    reader.fault("pass_ethertypes", fmt::format("{} EtherTypes: at most {} are allowed", port.pass_ethertypes.size(),
                                                int{DP_PORT_ETHERTYPES_MAX}));
}

void read_macs(ObjectReader& reader, PortConfig& port) {
  reader.list("macs", [&](const json& element, const std::string& path) {
    const auto mac = element.is_string() ? parse_mac(element.get_ref<const std::string&>()) : std::nullopt;
    if (!mac || (mac->at(0) & 1) != 0 || *mac == MacAddress{})
      reader.faults().add(
          path, fmt::format("{}: must be the MAC address of one station, as 00:00:5e:00:01:07", shown(element)));
    else
      port.macs.push_back(*mac);
  });
  if (port.macs.size() > DP_PORT_MACS_MAX)
    reader.fault("macs", fmt::format("{} addresses: at most {} are allowed", port.macs.size(), int{DP_PORT_MACS_MAX}));
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
  reader.choice("ra", port.ra, kRouterAdvertisements);
  read_macs(reader, port);
  read_pass_ethertypes(reader, port);
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
  if (!is_name(name)) faults.add(path, fmt::format("{}: must be {}", shown(std::string(name)), kNameText));
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
