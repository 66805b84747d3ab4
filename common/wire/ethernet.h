/* ethernet.h - Ethernet II and IEEE 802.1Q/802.1ad tags as they lie on the wire.
 *
 * Order    network. Alignment: none is promised in user space (DP_WIRE).
 * Source   IEEE 802.3 clause 3, 802.1Q clause 9.
 */
#ifndef DP_WIRE_ETHERNET_H
#define DP_WIRE_ETHERNET_H

#include "../target.h"

enum {
	DP_ETHERTYPE_IPV4 = 0x0800,
	DP_ETHERTYPE_ARP = 0x0806,
	DP_ETHERTYPE_VLAN = 0x8100, /* customer tag */
	DP_ETHERTYPE_QINQ = 0x88a8, /* service tag */
	DP_ETHERTYPE_IPV6 = 0x86dd,
	DP_ETHERTYPE_FIRST = 0x0600, /* below it the field is the length of an 802.3 frame */
	DP_ETHERNET_BYTES = 14,
	DP_VLAN_BYTES = 4,
	DP_VLAN_TAGS_MAX = 2,
	DP_VLAN_ID_MASK = 0x0fff, /* of the tag's control field; above it: priority, drop eligible */
};

struct dp_ethernet {
	__u8 destination[6];
	__u8 source[6];
	__be16 type;
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_ethernet) == DP_ETHERNET_BYTES, "802.3");

/* What follows the addresses of a tagged frame, from behind its EtherType. */
struct dp_vlan {
	__be16 control;
	__be16 type; /* of what comes next */
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_vlan) == DP_VLAN_BYTES, "802.1Q");

/* Views that move MAC addresses in few instructions; may_alias, since the bytes have another type elsewhere. */
struct dp_mac {
	__u16 half[3];
} DP_WIRE __attribute__((may_alias));
DP_STATIC_ASSERT(sizeof(struct dp_mac) == 6, "one address");

struct dp_mac_front {
	__u32 word;
} DP_WIRE __attribute__((may_alias));

DP_INLINE int dp_mac_equal(const __u8 *a, const __u8 *b)
{
	const struct dp_mac *left = (const struct dp_mac *)a;
	const struct dp_mac *right = (const struct dp_mac *)b;

	return ((((const struct dp_mac_front *)a)->word ^ ((const struct dp_mac_front *)b)->word) |
		(__u32)(left->half[2] ^ right->half[2])) == 0;
}

/* The six bytes as one number, the first in the lowest bits. */
DP_INLINE __u64 dp_mac_word(const __u8 *mac)
{
	return ((const struct dp_mac_front *)mac)->word | (__u64)((const struct dp_mac *)mac)->half[2] << 32;
}

/* Multicast, and broadcast with it: the first bit on the wire is set. */
DP_INLINE int dp_mac_is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

#endif
