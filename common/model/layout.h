/* layout.h - versions of what lies in pinned maps, one for each group of tables.
 *
 * Raised     the version of a group, whenever a struct in one of its maps changes, or what a value of it means.
 * Pinned     as the map `layout`, beside the maps of the groups. User space alone reads and writes it.
 * Adoption   (userspace/kernel/tables.hpp) FLOWS of another version is refused: flows cannot be made anew. COUNTERS is thrown
 *            away and begins at zero. FIB is made anew by each daemon. The others are thrown away together and written anew
 *            from the configuration and from Linux, so that the programs that still run keep a consistent set of their own
 *            until they are replaced.
 */
#ifndef DP_LAYOUT_H
#define DP_LAYOUT_H

#include "../target.h"

enum dp_table_group {
	DP_GROUP_FLOWS = 0,    /* flows4, flows6 and their cold arrays */
	DP_GROUP_SETTINGS = 1, /* settings; its head survives: see dp_settings */
	DP_GROUP_POLICY = 2,   /* zone_pairs, rules */
	DP_GROUP_ROUTES = 3,   /* next_hops, neighbours */
	DP_GROUP_PORTS = 4, /* ports, port_macs, devices, ingress, vlan_ports, tx_devices, sockets */
	DP_GROUP_COUNTERS = 5, /* reasons, rule_hits, port_counters, budgets, events, log_*, engine_counters */
	DP_GROUP_FIB = 6, /* route_rules, fib, routes, paths: written anew by each daemon, never taken over */
	DP_GROUPS = 7,
	DP_GROUPS_MAX = 16,
};

enum {
	DP_LAYOUT_FLOWS = 6,
	DP_LAYOUT_VERSION = 10, /* of the settings, and of dp_metadata in front of steered frames */
	DP_LAYOUT_POLICY = 5,
	DP_LAYOUT_ROUTES = 8,
	DP_LAYOUT_PORTS = 7,
	DP_LAYOUT_COUNTERS = 10,
	DP_LAYOUT_FIB = 2,
};

struct dp_layout {
	__u32 version[DP_GROUPS_MAX]; /* by enum dp_table_group; 0: nothing in force, being made */
};
DP_STATIC_ASSERT(sizeof(struct dp_layout) == 64, "no hidden padding");

#endif
