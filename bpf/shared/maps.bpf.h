/* maps.bpf.h - the tables, as maps. Who writes which: bpf/README.md.
 *
 * Sizes marked "set at load" depend on the configuration; user space changes them before loading.
 * Every map is pinned in the instance's directory and shared by all hooks, but for `scratch` and `programs`,
 * of which each load of the programs has its own. Values are the structs of common/model; groups and versions: common/model/layout.h.
 */
#ifndef TWINPATH_MAPS_BPF_H
#define TWINPATH_MAPS_BPF_H

#include "common/model/context.h"
#include "common/model/counters.h"
#include "common/model/device.h"
#include "common/model/event.h"
#include "common/model/metadata.h"
#include "common/model/next_hop.h"
#include "common/model/port.h"
#include "common/model/route.h"
#include "common/model/settings.h"
#include "common/model/stage.h"

/* it takes the macros below for declarations */
/* clang-format off */
#define DP_ARRAY(name, value_type, entries, flags)                                                 \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* A section of its own is an array map of one value, which programs address without a lookup: for what every packet
 * reads. User space maps it as it maps the other arrays. */
struct dp_settings settings SEC(".data.settings");

/* the host's present state */
struct dp_next_hop next_hops[DP_NEXT_HOPS_MAX] SEC(".data.next_hops");
struct dp_port ports[DP_PORTS_MAX] SEC(".data.ports");
struct dp_device devices[DP_DEVICES_MAX] SEC(".data.devices");
struct dp_ingress ingress[DP_INGRESS_SLOTS] SEC(".data.ingress");

DP_ARRAY(port_macs, struct dp_port_macs, DP_PORTS_MAX, BPF_F_MMAPABLE);

/* flow tables; set at load: set_count / 2 buckets */
DP_ARRAY(flows4, struct dp_flow_bucket4, 1, BPF_F_MMAPABLE);
DP_ARRAY(flows6, struct dp_flow_bucket6, 1, BPF_F_MMAPABLE);
/* one element beside each slot; set at load: set_count * 8 */
DP_ARRAY(flows4_cold, struct dp_flow_cold, 1, BPF_F_MMAPABLE);
DP_ARRAY(flows6_cold, struct dp_flow_cold, 1, BPF_F_MMAPABLE);

/* banked: the two banks follow each other in one array */
DP_ARRAY(zone_pairs, struct dp_zone_pair, DP_BANKS * DP_ZONES_MAX * DP_ZONES_MAX, BPF_F_MMAPABLE);
DP_ARRAY(rules, struct dp_rule, DP_BANKS * DP_RULES_MAX, BPF_F_MMAPABLE);
DP_ARRAY(route_rules, struct dp_route_rule, DP_BANKS * 2 * DP_ROUTE_RULES_MAX, BPF_F_MMAPABLE);

/* the routing tables: trees that the rules of a bank name, and what they lead to; the trees' memory is set at load */
DP_ARRAY(fib, struct dp_fib_line, 1, BPF_F_MMAPABLE);
DP_ARRAY(routes, struct dp_route, DP_ROUTES_MAX, BPF_F_MMAPABLE);
DP_ARRAY(paths, struct dp_path, DP_PATHS_MAX, BPF_F_MMAPABLE);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DP_NEXT_HOPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dp_neighbour_key);
	__type(value, __u32);
} neighbours SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DP_PORTS_MAX);
	__type(key, struct dp_vlan_key);
	__type(value, __u32);
} vlan_ports SEC(".maps");

/* where packets leave; by device */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, DP_DEVICES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} tx_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, DP_SOCKETS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

/* counters, written by the kernel datapath alone */
#define DP_PER_CPU(name, value_type, entries)                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

DP_PER_CPU(reasons, struct dp_counter, DP_REASONS);
DP_PER_CPU(rule_hits, struct dp_rule_counters, DP_RULE_IDS_MAX);
DP_PER_CPU(port_counters, struct dp_port_counters, DP_PORTS_MAX);
DP_PER_CPU(scratch, struct dp_context, 1);

DP_PER_CPU(log_counts, struct dp_log_counters, DP_RULE_IDS_MAX);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* shared with the engine */
DP_ARRAY(budgets, struct dp_budget_window, DP_BUDGETS * DP_PORTS_MAX, BPF_F_MMAPABLE);
DP_ARRAY(log_windows, struct dp_budget_window, DP_RULE_IDS_MAX, 0);

/* the stages, entered by tail call; user space puts the programs in */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DP_STAGES);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");
/* clang-format on */

#endif
