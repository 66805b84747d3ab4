/* limits.h - how many of each thing a gateway can have. Shapes of maps follow from these. */
#ifndef DP_LIMITS_H
#define DP_LIMITS_H

enum {
	DP_PORTS_MAX = 64,       /* port 0 means "none" */
	DP_QUEUES_MAX = 16,      /* AF_XDP sockets per port */
	DP_ZONES_MAX = 32,       /* zone 0 means "none", zone 1 is the host */
	DP_RULES_MAX = 2048,     /* compiled rules per bank, after the cross product of lists */
	DP_RULE_IDS_MAX = 1024,  /* rules as the operator writes them; 0 means "a zone's default" */
	DP_NEXT_HOPS_MAX = 8192, /* next hop 0 means "none: look the route up" */
	DP_ROUTES_MAX = 65536,   /* per family and bank */
	DP_PATHS_MAX = 1024,     /* next hops named by multipath routes, per bank */
	DP_BANKS = 2,
};

#endif
