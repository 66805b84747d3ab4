#include "kernel/tables.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "bpf/gateway.skel.h"
#include "kernel/pins.hpp"

namespace twinpath {
namespace {

struct GroupedMap {
  std::string_view name;  // as pinned
  dp_table_group group;
};

// A map that user space makes itself (open_pinned_memory) is thrown away with its group by being named here.
constexpr auto kMaps = std::to_array<GroupedMap>({
    {"flows4", DP_GROUP_FLOWS},
    {"flows6", DP_GROUP_FLOWS},
    {"flows4_cold", DP_GROUP_FLOWS},
    {"flows6_cold", DP_GROUP_FLOWS},
    {"settings", DP_GROUP_SETTINGS},
    {"zone_pairs", DP_GROUP_POLICY},
    {"rules", DP_GROUP_POLICY},
    {"route_rules", DP_GROUP_FIB},
    {"fib", DP_GROUP_FIB},
    {"routes", DP_GROUP_FIB},
    {"paths", DP_GROUP_FIB},
    {"next_hops", DP_GROUP_ROUTES},
    {"neighbours", DP_GROUP_ROUTES},
    {"ports", DP_GROUP_PORTS},
    {"port_macs", DP_GROUP_PORTS},
    {"devices", DP_GROUP_PORTS},
    {"ingress", DP_GROUP_PORTS},
    {"vlan_ports", DP_GROUP_PORTS},
    {"tx_devices", DP_GROUP_PORTS},
    {"sockets", DP_GROUP_PORTS},
    {"reasons", DP_GROUP_COUNTERS},
    {"rule_hits", DP_GROUP_COUNTERS},
    {"port_counters", DP_GROUP_COUNTERS},
    {"budgets", DP_GROUP_COUNTERS},
    {"events", DP_GROUP_COUNTERS},
    {"log_windows", DP_GROUP_COUNTERS},
    {"log_counts", DP_GROUP_COUNTERS},
    {"engine_counters", DP_GROUP_COUNTERS},
});

// By enum dp_table_group.
constexpr std::array<std::uint32_t, DP_GROUPS> kVersions{DP_LAYOUT_FLOWS,  DP_LAYOUT_VERSION, DP_LAYOUT_POLICY,
                                                         DP_LAYOUT_ROUTES, DP_LAYOUT_PORTS,   DP_LAYOUT_COUNTERS,
                                                         DP_LAYOUT_FIB};

// Made anew together: what one of them says is meant for the others.
constexpr std::array kStateGroups{DP_GROUP_SETTINGS, DP_GROUP_POLICY, DP_GROUP_ROUTES, DP_GROUP_PORTS};

// Each load of the programs has its own of these.
constexpr std::array<std::string_view, 2> kOfTheLoad{"scratch", "programs"};

// 32 MiB: 1.25 million prefixes as the Internet has them take less than half of it (docs/performance.md).
constexpr std::uint32_t kFibLines = 1U << 19;

// Pins of earlier versions. Their programs keep the maps for as long as they run.
constexpr std::array kFormer{"tx_ports", "crossings"};

constexpr const char* kLayoutMap = "layout";

int keep_quiet(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN && std::getenv("TWINPATH_LIBBPF_LOG") != nullptr)
    return std::vfprintf(stderr, format, arguments);
  return 0;
}

// A section's map has the section's name, ".data.settings"; bpffs keeps names with dots for itself.
std::string_view pin_name(std::string_view map) { return map.substr(map.rfind('.') + 1); }

std::optional<dp_table_group> group_of(std::string_view name) {
  const auto found = std::ranges::find(kMaps, name, &GroupedMap::name);
  if (found == kMaps.end()) return std::nullopt;
  return found->group;
}

struct CloseObject {
  void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

// A map of the object, and what is pinned under its name.
struct Table {
  bpf_map* map;
  std::string name;
  dp_table_group group;
  UniqueFd pinned;

  [[nodiscard]] bool fits() const {
    bpf_map_info info{};
    __u32 bytes = sizeof(info);
    return bpf_obj_get_info_by_fd(pinned.get(), &info, &bytes) == 0 && info.type == bpf_map__type(map) &&
           info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
           info.max_entries == bpf_map__max_entries(map);
  }
};

// Which groups cannot be taken over as they are.
using Stale = std::array<bool, DP_GROUPS>;

Result<Object> open_object(std::uint32_t sets4, std::uint32_t sets6) {
  std::size_t bytes = 0;
  const void* elf = gateway_bpf::elf_bytes(&bytes);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "gateway_bpf");
  Object object{bpf_object__open_mem(elf, bytes, &options)};
  if (!object) return fail(errno, "open the BPF object");
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) bpf_program__set_autoload(program, false);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    const std::string_view name = bpf_map__name(map);
    if (name == "fib") bpf_map__set_max_entries(map, kFibLines);
    if (name == "flows4") bpf_map__set_max_entries(map, sets4 / 2);
    if (name == "flows6") bpf_map__set_max_entries(map, sets6 / 2);
    if (name == "flows4_cold") bpf_map__set_max_entries(map, sets4 * DP_FLOW_WAYS);
    if (name == "flows6_cold") bpf_map__set_max_entries(map, sets6 * DP_FLOW_WAYS);
  }
  return object;
}

Result<std::vector<Table>> find_tables(bpf_object* object, const std::string& pins) {
  std::vector<Table> tables;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string_view name = bpf_map__name(map);
    if (std::ranges::find(kOfTheLoad, name) != kOfTheLoad.end()) {
      bpf_map__set_autocreate(map, false);
      continue;
    }
    const auto group = group_of(pin_name(name));
    if (!group) return refuse("map {} belongs to no group of tables", name);
    auto pinned = open_pin(fmt::format("{}/{}", pins, pin_name(name)));
    if (!pinned) return pass_on(std::move(pinned.error()));
    tables.push_back({map, std::string(pin_name(name)), *group, std::move(*pinned)});
  }
  return tables;
}

// Absent: nothing is pinned here.
Result<std::optional<dp_layout>> read_layout(const std::string& pins) {
  auto map = open_pin(fmt::format("{}/{}", pins, kLayoutMap));
  if (!map) return pass_on(std::move(map.error()));
  if (!*map) return std::optional<dp_layout>{};
  const std::uint32_t zero = 0;
  dp_layout layout{};
  if (bpf_map_lookup_elem(map->get(), &zero, &layout) != 0) return fail(errno, "read {}/{}", pins, kLayoutMap);
  return std::optional<dp_layout>{layout};
}

Error other_layout(std::uint32_t found) {
  return refuse("pinned flows have layout {}, this version uses {}: run \"twinpath down\" first", found,
                static_cast<int>(DP_LAYOUT_FLOWS))
      .value();
}

// Refuses flows that cannot be taken over. With nothing pinned, nothing is stale.
Result<Stale> find_stale(const std::string& pins, const std::vector<Table>& tables) {
  auto layout = read_layout(pins);
  if (!layout) return pass_on(std::move(layout.error()));
  const bool anything = std::ranges::any_of(tables, [](const Table& table) { return bool(table.pinned); });
  const dp_layout found = layout->value_or(dp_layout{});  // pins without one are of a version before there were groups
  Stale stale{};
  for (std::size_t group = 0; anything && group < DP_GROUPS; ++group)
    stale[group] = group == DP_GROUP_FIB || found.version[group] != kVersions[group];
  if (stale[DP_GROUP_FLOWS]) return pass_on(other_layout(found.version[DP_GROUP_FLOWS]));
  for (const Table& table : tables) {
    if (!table.pinned || table.fits()) continue;
    if (table.group == DP_GROUP_FLOWS)
      return refuse("{} pinned in {} has another size: that needs \"twinpath down\" first", table.name, pins);
    stale[table.group] = true;
  }
  if (std::ranges::any_of(kStateGroups, [&](auto group) { return stale[group]; }))
    for (const auto group : kStateGroups) stale[group] = true;
  return stale;
}

Status carry_settings_over(int from, int to) {
  const std::uint32_t zero = 0;
  bpf_map_info info{};
  __u32 bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(from, &info, &bytes) != 0) return fail(errno, "ask for the size of the settings");
  std::vector<std::uint8_t> before(std::max<std::size_t>(info.value_size, DP_SETTINGS_HEAD));
  dp_settings settings{};
  if (bpf_map_lookup_elem(from, &zero, before.data()) != 0) return fail(errno, "read the settings");
  std::memcpy(&settings, before.data(), DP_SETTINGS_HEAD);
  return map_update(to, zero, settings, "settings");
}

// Replaces what is pinned in one step: there is never no settings.
Status pin_over(int map, const std::string& pins, const std::string& name) {
  const std::string pin = fmt::format("{}/{}", pins, name);
  const std::string fresh = pin + "_new";
  ::unlink(fresh.c_str());
  if (bpf_obj_pin(map, fresh.c_str()) != 0) return fail(errno, "pin {}", fresh);
  if (::rename(fresh.c_str(), pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  return {};
}

// Group by group: a version is on record only while all maps of its group are pinned.
Status pin_tables(const std::string& pins, const std::vector<Table>& tables, const Stale& stale) {
  auto memory = open_pinned_memory(pins, kLayoutMap, sizeof(dp_layout));
  if (!memory) return pass_on(std::move(memory.error()));
  std::uint32_t* versions = memory->as<dp_layout>().front().version;
  for (std::size_t group = 0; group < DP_GROUPS; ++group)
    if (stale[group]) versions[group] = 0;
  for (const Table& table : tables) {
    if (table.pinned && !stale[table.group]) continue;
    const int fd = bpf_map__fd(table.map);
    if (table.pinned && table.name == "settings")
      if (auto carried = carry_settings_over(table.pinned.get(), fd); !carried) return carried;
    if (auto pinned = pin_over(fd, pins, table.name); !pinned) return pinned;
  }
  if (stale[DP_GROUP_COUNTERS]) ::unlink((pins + "/engine_counters").c_str());
  for (const char* name : kFormer) ::unlink(fmt::format("{}/{}", pins, name).c_str());
  std::ranges::copy(kVersions, versions);
  return {};
}

}  // namespace

std::uint32_t sets_for(std::uint32_t max_pairs) {
  const std::uint32_t slots = max_pairs * 4;
  return std::max<std::uint32_t>((slots + DP_FLOW_LANES - 1) / DP_FLOW_LANES, 1) * 2;
}

Status check_layout(const std::string& pins, std::span<const dp_table_group> groups) {
  auto layout = read_layout(pins);
  if (!layout) return pass_on(std::move(layout.error()));
  if (!*layout) return refuse("no tables are pinned in {}", pins);
  for (const dp_table_group group : groups) {
    const std::uint32_t found = (*layout)->version[group];
    if (found != kVersions[group])
      return refuse("{}: group {} of the tables has layout {}, this program knows {}", pins, static_cast<int>(group),
                    found, kVersions[group]);
  }
  return {};
}

Result<Tables> Tables::open(const std::string& pins, std::uint32_t max_pairs4, std::uint32_t max_pairs6) {
  libbpf_set_print(keep_quiet);
  const std::uint32_t sets4 = sets_for(max_pairs4);
  const std::uint32_t sets6 = sets_for(max_pairs6);
  Tables tables;
  if (auto opened = tables.open_maps(pins, sets4, sets6); !opened) return pass_on(std::move(opened.error()));
  tables.name_fds();
  if (auto mapped = tables.open_memory(sets4, sets6); !mapped) return pass_on(std::move(mapped.error()));
  return tables;
}

// Everything that may be refused comes before the first pin is touched.
Status Tables::open_maps(const std::string& pins, std::uint32_t sets4, std::uint32_t sets6) {
  auto object = open_object(sets4, sets6);
  if (!object) return pass_on(std::move(object.error()));
  auto tables = find_tables(object->get(), pins);
  if (!tables) return pass_on(std::move(tables.error()));
  auto stale = find_stale(pins, *tables);
  if (!stale) return pass_on(std::move(stale.error()));
  for (const Table& table : *tables) {
    if (!table.pinned || (*stale)[table.group]) continue;
    if (const int error = bpf_map__reuse_fd(table.map, table.pinned.get()); error != 0)
      return fail(-error, "take over {}/{}", pins, table.name);
    if (table.name == "flows4") adopted_ = true;
  }
  if (const int error = bpf_object__load(object->get()); error != 0) return fail(-error, "make the tables");
  if (auto pinned = pin_tables(pins, *tables, *stale); !pinned) return pinned;
  for (const Table& table : *tables) {
    UniqueFd fd{::fcntl(bpf_map__fd(table.map), F_DUPFD_CLOEXEC, 0)};
    if (!fd) return fail(errno, "keep map {}", table.name);
    maps_[table.name] = std::move(fd);
  }
  return {};
}

int Tables::find(std::string_view name) const {
  const auto found = maps_.find(pin_name(name));
  return found == maps_.end() ? -1 : found->second.get();
}

void Tables::name_fds() {
  fds_ = MapFds{.settings = find("settings"),
                .flows4 = find("flows4"),
                .flows6 = find("flows6"),
                .flows4_cold = find("flows4_cold"),
                .flows6_cold = find("flows6_cold"),
                .zone_pairs = find("zone_pairs"),
                .rules = find("rules"),
                .route_rules = find("route_rules"),
                .fib = find("fib"),
                .routes = find("routes"),
                .paths = find("paths"),
                .next_hops = find("next_hops"),
                .ports = find("ports"),
                .port_macs = find("port_macs"),
                .devices = find("devices"),
                .ingress = find("ingress"),
                .neighbours = find("neighbours"),
                .vlan_ports = find("vlan_ports"),
                .tx_devices = find("tx_devices"),
                .sockets = find("sockets"),
                .reasons = find("reasons"),
                .rule_hits = find("rule_hits"),
                .port_counters = find("port_counters"),
                .budgets = find("budgets"),
                .events = find("events"),
                .log_counts = find("log_counts")};
}

Status Tables::open_memory(std::uint32_t sets4, std::uint32_t sets6) {
  Status status;
  auto open = [&](auto& memory, int fd, std::size_t entries, const char* name) {
    if (!status) return;
    auto opened = std::remove_reference_t<decltype(memory)>::open(fd, entries);
    if (opened)
      memory = std::move(*opened);
    else
      status = pass_on(std::move(opened.error()).in(name));
  };
  open(memory_.settings, fds_.settings, 1, "settings");
  open(memory_.flows4, fds_.flows4, sets4 / 2, "flows4");
  open(memory_.flows6, fds_.flows6, sets6 / 2, "flows6");
  open(memory_.flows4_cold, fds_.flows4_cold, std::size_t{sets4} * DP_FLOW_WAYS, "flows4_cold");
  open(memory_.flows6_cold, fds_.flows6_cold, std::size_t{sets6} * DP_FLOW_WAYS, "flows6_cold");
  open(memory_.zone_pairs, fds_.zone_pairs, DP_BANKS * DP_ZONES_MAX * DP_ZONES_MAX, "zone_pairs");
  open(memory_.rules, fds_.rules, DP_BANKS * DP_RULES_MAX, "rules");
  open(memory_.route_rules, fds_.route_rules, DP_BANKS * 2 * DP_ROUTE_RULES_MAX, "route_rules");
  open(memory_.fib, fds_.fib, kFibLines, "fib");
  open(memory_.routes, fds_.routes, DP_ROUTES_MAX, "routes");
  open(memory_.paths, fds_.paths, DP_PATHS_MAX, "paths");
  open(memory_.next_hops, fds_.next_hops, DP_NEXT_HOPS_MAX, "next_hops");
  open(memory_.ports, fds_.ports, DP_PORTS_MAX, "ports");
  open(memory_.port_macs, fds_.port_macs, DP_PORTS_MAX, "port_macs");
  open(memory_.devices, fds_.devices, DP_DEVICES_MAX, "devices");
  open(memory_.budgets, fds_.budgets, std::size_t{DP_BUDGETS} * DP_PORTS_MAX, "budgets");
  open(memory_.ingress, fds_.ingress, DP_INGRESS_SLOTS, "ingress");
  return status;
}

}  // namespace twinpath
