/* route.h - where a destination is, as mirrored from Linux's routing tables.
 *
 * Writer   control plane (userspace/netlink → control), idle bank only.
 * Maps     one LPM trie per family and bank; `paths` is one array per bank.
 */
#ifndef DP_ROUTE_H
#define DP_ROUTE_H

#include "address.h"
#include "limits.h"

enum dp_route_kind {
	DP_ROUTE_NONE = 0,
	DP_ROUTE_LOCAL = 1,       /* an address of the host */
	DP_ROUTE_BROADCAST = 2,   /* a subnet's broadcast address */
	DP_ROUTE_ON_LINK = 3,     /* the destination itself is the neighbour; `port` */
	DP_ROUTE_VIA = 4,         /* one or more gateways: paths[first_path .. + path_count) */
	DP_ROUTE_UNREACHABLE = 5, /* unreachable, prohibit: ICMP; */
	DP_ROUTE_BLACKHOLE = 6,   /* silent */
	DP_ROUTE_NOT_A_PORT = 7,  /* leaves by a device that is no port */
};

struct dp_route {
	__u8 kind; /* enum dp_route_kind */
	__u8 path_count; /* VIA: 1.. ; weights are expressed by repeating a path, at most DP_ROUTE_PATHS_MAX */
	__u16 port; /* ON_LINK, LOCAL, BROADCAST: port of the device, 0 when it is none (lo) */
	__u16 first_path;
	__u16 pad;
};
DP_STATIC_ASSERT(sizeof(struct dp_route) == 8, "one word");

/* A question and its answer, in one struct so that the verb can be a BPF global function (decide/route.h). */
struct dp_route_query {
	struct dp_address address; /* asked */
	__u32 stamp;               /* of the packet that asks: route cache */
	__u32 now;                 /* likewise */
	__u16 bank;
	__u16 first_path; /* answered, of DP_ROUTE_VIA */
	__u32 hash; /* picks among equal paths; equal for all packets of a direction of a flow */
	__u8 family;
	__u8 kind; /* answered: enum dp_route_kind */
	__u16 port;
	__u16 next_hop; /* 0: the neighbour is not known to Linux yet */
	__u8 path_count;
	__u8 pad;
};

/* One of the last routes that were looked up (decide/route_cache.h). */
struct dp_cached_route {
	struct dp_address address; /* the destination that was asked for */
	__u32 stamp;               /* 0: nothing */
	__u32 looked_up;           /* tick */
	__u16 bank;
	__u8 family;
	__u8 pad[5];
	struct dp_route route; /* DP_ROUTE_NONE when there is none */
};
DP_STATIC_ASSERT(sizeof(struct dp_cached_route) == 40, "no hidden padding");

enum { DP_ROUTE_CACHE_ENTRIES = 1024 };

/* Keys of the LPM tries: prefix length in bits, then the address in network order (bpf_lpm_trie_key). */
struct dp_route_key4 {
	__u32 prefix_bits;
	__be32 address;
};

struct dp_route_key6 {
	__u32 prefix_bits;
	struct dp_address address;
};

/* Paths of one VIA route at most, repetitions for weights included. */
enum { DP_ROUTE_PATHS_MAX = 64 };

/* One way of a VIA route. */
struct dp_path {
	__u16 next_hop; /* index of a next hop: neighbour `gateway` on `port` */
	__u16 port;
	__u32 pad; /* values of an array map are eight bytes apart */
};
DP_STATIC_ASSERT(sizeof(struct dp_path) == 8, "one word");

#endif
