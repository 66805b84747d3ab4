/* next_hop.h - a neighbour on a port: everything that forwarding needs (edit/forward.h).
 *
 * One array, not banked: a neighbour's change is one write, whatever the number of flows. Flow entries hold indices:
 * one of them counts only while the entry's stamp is current, so an index is given to another neighbour only under a
 * later route epoch (userspace/control/follow/next_hop_table.hpp). A free one names no port.
 * Writer   control plane. A reader may see a half-written MAC only between two writes of one change; to exclude even
 *          that, the writer clears RESOLVED, writes, then sets it.
 */
#ifndef DP_NEXT_HOP_H
#define DP_NEXT_HOP_H

#include "address.h"
#include "limits.h"

enum dp_next_hop_flag {
	DP_NEXT_HOP_RESOLVED = 1 << 0, /* MAC addresses are valid */
	DP_NEXT_HOP_UP = 1 << 1,       /* the port has a link */
	DP_NEXT_HOP_SOCKET = 1 << 2, /* the device takes no XDP redirect: only its AF_XDP socket can send */
	DP_NEXT_HOP_FAILED = 1 << 3, /* Linux gave up resolving it, and was not asked again since */
};

struct dp_next_hop {
	__u8 destination_mac[6];
	__u8 source_mac[6];
	__u16 port;
	__u16 mtu;  /* of the port: largest IP packet, bytes */
	__u16 vlan; /* tag to push, 0 for none */
	__u16 flags;
	__u16 device; /* of the port: what the packet leaves by */
	__u16 pad;
	__u32 pad2[2];
};
DP_STATIC_ASSERT(sizeof(struct dp_next_hop) == 32, "half a cache line");

/* The tag to push, 0 for none. Once for each packet: length, place and content of the new header must agree. */
DP_INLINE __u16 dp_next_hop_tag(const struct dp_next_hop *hop)
{
	return DP_LOAD(&hop->vlan);
}

/* Hash map: neighbour on a port → index of its next hop. */
struct dp_neighbour_key {
	struct dp_address address;
	__u16 port;
	__u8 family;
	__u8 pad;
};
DP_STATIC_ASSERT(sizeof(struct dp_neighbour_key) == 20, "no hidden padding");

#endif
