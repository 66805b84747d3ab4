/* port.h - a network device of the gateway, as the datapaths see it. Index: port number, 1..DP_PORTS_MAX - 1.
 *
 * Writer   control plane. Not banked: a port's facts come from Linux, not from the configuration, save zone and
 *          source_check. These two are written as one; a port that changes its zone is of zone 0, which nothing may
 *          leave or enter, from before the tables change until nobody works on the old ones any more.
 */
#ifndef DP_PORT_H
#define DP_PORT_H

#include "limits.h"
#include "../target.h"

enum dp_source_check {
	DP_SOURCE_CHECK_OFF = 0,
	DP_SOURCE_CHECK_LOOSE = 1,
	DP_SOURCE_CHECK_STRICT = 2
};

enum dp_port_flag {
	DP_PORT_PRESENT = 1 << 0,
	DP_PORT_UP = 1 << 1,
	DP_PORT_WORKLOAD = 1 << 2, /* L4 checksums of frames from here are recomputed */
	DP_PORT_VLANS = 1 << 3,    /* VLAN devices on this one are ports: look tags up */
};

struct dp_port {
	__u32 ifindex;      /* device that XDP sits on: the parent of a VLAN device */
	__u16 first_socket; /* index in the XSKMAP of queue 0 */
	__u16 queue_count;
	__u8 mac[6];
	__u8 zone;
	__u8 source_check; /* enum dp_source_check */
	__u16 flags;       /* enum dp_port_flag */
	__u16 vlan;        /* 0, or the id of the VLAN device */
	__u16 mtu;
	__u16 pad;
	__u32 pad2[2];
};
DP_STATIC_ASSERT(sizeof(struct dp_port) == 32, "half a cache line");

/* From ifindex to port: DP_INGRESS_SLOTS entries, searched from ifindex % slots, DP_INGRESS_PROBES at most. Cheaper
 * than a hash map, and every program instance can be the same. */
enum { DP_INGRESS_SLOTS = 256, DP_INGRESS_PROBES = 8 };

struct dp_ingress {
	__u32 ifindex; /* 0: free */
	__u32 port;
};

/* Hash map: tag on a parent device → port. */
struct dp_vlan_key {
	__u32 ifindex;
	__u16 vlan;
	__u16 inner_vlan; /* 0 when single-tagged */
};

#endif
