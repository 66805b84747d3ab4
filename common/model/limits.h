/* limits.h - how many of each thing a gateway can have. Shapes of maps follow from these. */
#ifndef DP_LIMITS_H
#define DP_LIMITS_H

enum {
	DP_PORTS_MAX = 2048,   /* port 0 means "none" */
	DP_DEVICES_MAX = 2048, /* device 0 means "none" */
	DP_QUEUES_MAX = 64,    /* AF_XDP sockets per device */
	DP_SOCKETS_MAX = 4096, /* AF_XDP sockets of all devices: each has a range of them */
	DP_ZONES_MAX = 32,     /* zone 0 means "none", zone 1 is the host */
	DP_RULES_MAX = 2048,   /* compiled rules per bank, after the cross product of lists */
	/* Rules as the operator writes them; 0 means "a zone's default". More than can be compiled: a rule that is removed
	 * keeps its number, and so its counters, until all numbers are used up. */
	DP_RULE_IDS_MAX = 4 * DP_RULES_MAX,
	DP_NEXT_HOPS_MAX = 32768, /* next hop 0 means "none: look the route up" */
	DP_ROUTES_MAX = 65536, /* different routes: prefixes that lead to the same place share one */
	DP_PATHS_MAX = 32768,  /* next hops named by routes via gateways, equal runs shared */
	DP_BANKS = 2,
};

#endif
