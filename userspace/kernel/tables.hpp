// tables.hpp - the pinned maps of one gateway and their memory: shared by the programs of every hook, and by user space.
//
// Made     from the map definitions of the gateway's BPF object (bpf/shared/maps.bpf.h), without its programs. What a load of
//          the programs makes for itself (scratch, prog array) is not here: xdp_hook.hpp.
// Pins     <pins>/<map>. They outlive the daemon: the next start opens the same maps.
// Groups   common/model/layout.h: each group of maps has a version, recorded in the pinned map `layout`. At adoption, flows of
//          another version, or of another size, are refused, with everything left as it was. Counters of another version
//          begin at zero. The routing tables are always made anew: the control plane writes them from Linux,
//          and the programs that are still attached go on with theirs. If any of settings, policy, routes and ports has another version, all four are made anew; the head
//          of the settings (seeds, stamp) is carried over, so that the flows go on. Programs that are still attached keep
//          the maps they were loaded with.
// Owner    the daemon's control thread. Destruction closes descriptors and mappings only; remove_pins() undoes.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "common/model/counters.h"
#include "common/model/device.h"
#include "common/model/fib.h"
#include "common/model/flow.h"
#include "common/model/layout.h"
#include "common/model/next_hop.h"
#include "common/model/port.h"
#include "common/model/route.h"
#include "common/model/rule.h"
#include "common/model/settings.h"
#include "kernel/bpf_map.hpp"

namespace twinpath {

// Number of sets for `max_pairs`: two slots per pair, the table at most half full, two sets per bucket.
[[nodiscard]] std::uint32_t sets_for(std::uint32_t max_pairs);

// Every map that user space touches, by its name in bpf/shared/maps.bpf.h.
struct MapFds {
  int settings, flows4, flows6, flows4_cold, flows6_cold, zone_pairs, rules;
  int route_rules, fib, routes, paths;
  int next_hops, ports, port_macs, devices, ingress, neighbours, vlan_ports, tx_devices, sockets;
  int reasons, rule_hits, port_counters, budgets, events, log_counts;
};

// The memory of the mmapped ones, writable.
struct TableMemory {
  MapMemory<dp_settings> settings;
  MapMemory<dp_flow_bucket4> flows4;
  MapMemory<dp_flow_bucket6> flows6;
  MapMemory<dp_flow_cold> flows4_cold;
  MapMemory<dp_flow_cold> flows6_cold;
  MapMemory<dp_zone_pair> zone_pairs;
  MapMemory<dp_rule> rules;
  MapMemory<dp_route_rule> route_rules;
  MapMemory<dp_fib_line> fib;
  MapMemory<dp_route> routes;
  MapMemory<dp_path> paths;
  MapMemory<dp_next_hop> next_hops;
  MapMemory<dp_port> ports;
  MapMemory<dp_port_macs> port_macs;
  MapMemory<dp_device> devices;
  MapMemory<dp_ingress> ingress;
  MapMemory<dp_budget_window> budgets;
};

class Tables {
 public:
  // Takes the maps from `pins` where they are there and fit, else makes and pins them.
  [[nodiscard]] static Result<Tables> open(const std::string& pins, std::uint32_t max_pairs4, std::uint32_t max_pairs6);

  // Flows were taken over from an earlier process.
  [[nodiscard]] bool adopted() const { return adopted_; }
  [[nodiscard]] const MapFds& maps() const { return fds_; }
  [[nodiscard]] TableMemory& memory() { return memory_; }
  // The descriptor of a map by the name it has in the BPF object; -1: it is no table, but belongs to a load of programs.
  [[nodiscard]] int find(std::string_view name) const;

 private:
  Tables() = default;
  [[nodiscard]] Status open_maps(const std::string& pins, std::uint32_t sets4, std::uint32_t sets6);
  [[nodiscard]] Status open_memory(std::uint32_t sets4, std::uint32_t sets6);
  void name_fds();

  std::map<std::string, UniqueFd, std::less<>> maps_;
  MapFds fds_{};
  TableMemory memory_;
  bool adopted_ = false;
};

// Refuses pins in which the group has another version than this program was built with, or none.
[[nodiscard]] Status check_layout(const std::string& pins, std::span<const dp_table_group> groups);

}  // namespace twinpath
