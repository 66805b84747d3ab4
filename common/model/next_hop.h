/* next_hop.h - a neighbour on a port: everything that forwarding needs (edit/forward.h).
 *
 * One array, not banked: a neighbour's change is one write, whatever the number of flows. Flow entries hold indices:
 * one of them counts only while the entry's stamp is current, so an index is given to another neighbour only under a
 * later route epoch (userspace/control/follow/next_hop_table.hpp). A free one names no port.
 * Writer   control plane. The first eight bytes, the whole destination MAC among them, are written and read as one word,
 *          so no packet goes to a mixture of two neighbours. They are written before RESOLVED is set, and stay when it is
 *          cleared: a reader that has seen it set a moment ago still finds the address that it was set for, or the one
 *          after that. The source MAC spans two words, and changes with the port's alone: a packet of that very moment may
 *          bear a mixture of the port's old and new one.
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
	__u16 mtu; /* of the port, or of the route that leads here where that is smaller: largest IP packet, bytes */
	__u16 vlan; /* tag to push, 0 for none */
	__u16 flags;
	__u16 device; /* of the port: what the packet leaves by */
	__u16 pad;
	__u64 pad2; /* aligns the struct, and so its first word, to eight bytes */
};
DP_STATIC_ASSERT(sizeof(struct dp_next_hop) == 32, "half a cache line");
DP_STATIC_ASSERT(__builtin_offsetof(struct dp_next_hop, source_mac) == 6,
		 "two MAC addresses in twelve bytes");

/* The fields as words; may_alias, since the bytes have another type in the struct. */
typedef __u64 __attribute__((may_alias)) dp_macs_front;
typedef __u32 __attribute__((may_alias)) dp_macs_back;
typedef __u32 __attribute__((may_alias)) dp_tag_and_flags;
DP_STATIC_ASSERT(__builtin_offsetof(struct dp_next_hop, vlan) % 4 == 0, "a word with the flags");
DP_STATIC_ASSERT(__builtin_offsetof(struct dp_next_hop, flags) ==
			 __builtin_offsetof(struct dp_next_hop, vlan) + 2,
		 "a word with the tag");

/* Both MAC addresses, as they are to stand in the frame: the destination and two bytes of the source. Behind a load of the
 * flags. arm64: the flags need a load barrier behind them in BPF. */
DP_INLINE __u64 dp_next_hop_mac_front(const struct dp_next_hop *hop)
{
	return DP_LOAD((const dp_macs_front *)hop->destination_mac);
}

/* The other four bytes of the source. */
DP_INLINE __u32 dp_next_hop_mac_back(const struct dp_next_hop *hop)
{
	return DP_LOAD((const dp_macs_back *)(hop->destination_mac + 8));
}

/* Flags in the upper half, the tag in the lower. */
DP_INLINE __u32 dp_next_hop_tag_and_flags(const struct dp_next_hop *hop)
{
	return DP_LOAD((const dp_tag_and_flags *)&hop->vlan);
}

/* The tag to push, 0 for none. Once for each packet: length, place and content of the new header must agree. */
DP_INLINE __u16 dp_next_hop_tag(const struct dp_next_hop *hop)
{
	return DP_LOAD(&hop->vlan);
}

/* Hash map: neighbour on a port, reached by routes of this MTU → index of its next hop. */
struct dp_neighbour_key {
	struct dp_address address;
	__u16 port;
	__u16 mtu; /* of the route; 0: the port's */
	__u8 family;
	__u8 pad[3];
};
DP_STATIC_ASSERT(sizeof(struct dp_neighbour_key) == 24, "no hidden padding");

#endif
