/* port.h - an interface of the gateway, as the datapaths see it: where the rules begin. Index: port number,
 * 1..DP_PORTS_MAX - 1.
 *
 * Device   what carries the port's frames: device.h. It has the sockets and the way out; a port has what a packet is
 *          judged by, and its counters (counters.h).
 * Writer   control plane. Not banked: a port's facts come from Linux, not from the configuration, save zone,
 *          source_check, pass_ethertypes and some flags. Zone and source_check are written as one; a port that changes its zone is of zone 0, which nothing may
 *          leave or enter, from before the tables change until nobody works on the old ones any more.
 */
#ifndef DP_PORT_H
#define DP_PORT_H

#include "limits.h"
#include "../target.h"

enum dp_source_check {
	DP_SOURCE_CHECK_OFF = 0,
	DP_SOURCE_CHECK_LOOSE = 1,
	DP_SOURCE_CHECK_STRICT = 2 /* the greatest: a plain hit divides by it */
};

enum dp_port_flag {
	DP_PORT_PRESENT = 1 << 0,
	DP_PORT_UP = 1 << 1,
	DP_PORT_WORKLOAD = 1 << 2, /* L4 checksums of frames from here are recomputed */
	DP_PORT_RA = 1 << 3,       /* router advertisements and redirects reach the host */
	DP_PORT_MACS = 1 << 4,     /* has further MAC addresses: dp_port_macs */
};

enum { DP_PORT_ETHERTYPES_MAX = 8, DP_PORT_MACS_MAX = 16 };

struct dp_port {
	__u8 mac[6];
	__u8 zone;
	__u8 source_check; /* enum dp_source_check */
	__u16 flags;       /* enum dp_port_flag */
	__u16 device; /* number of the device that XDP sits on: of a VLAN device, the parent's */
	__u16 vlan;   /* 0, or the id of the VLAN device */
	__u16 mtu;
	__u16 pass_ethertypes[DP_PORT_ETHERTYPES_MAX]; /* unicast frames of these go to Linux; host order, 0 ends the list */
};
DP_STATIC_ASSERT(sizeof(struct dp_port) == 32, "half a cache line");

/* Further MAC addresses of a port, beside its own: those of virtual routers. Table `port_macs`, by port number. An address
 * is the six bytes as on the wire, in the lower 48 bits (dp_mac_word of wire/ethernet.h); 0 ends the list. */
struct dp_port_macs {
	__u64 mac[DP_PORT_MACS_MAX];
};
DP_STATIC_ASSERT(sizeof(struct dp_port_macs) == 128, "two cache lines");

#endif
