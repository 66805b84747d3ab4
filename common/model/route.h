/* route.h - where a destination is, as mirrored from Linux's routing tables, and the rules that name the table to ask.
 *
 * Writer   control plane (userspace/netlink → control). Routes and paths are not banked: one that a tree of the bank in
 *          force leads to is not changed. Rules are banked; they name the trees (fib.h).
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
	DP_ROUTE_VIA = 4,         /* one or more paths: paths[first_path .. + path_count) */
	DP_ROUTE_UNREACHABLE = 5, /* ICMP: host unreachable */
	DP_ROUTE_BLACKHOLE = 6,   /* silent */
	DP_ROUTE_NOT_A_PORT = 7,  /* leaves by a device that is no port */
	DP_ROUTE_PROHIBITED = 8,  /* ICMP: administratively prohibited */
	DP_ROUTE_THROW = 9, /* this table does not know: the next rule is asked. No answer of dp_route_find */
};

/* Index: the number that a tree holds (fib.h); 0: none. */
struct dp_route {
	__u8 kind;       /* enum dp_route_kind */
	__u8 path_count; /* VIA: 1.. ; weights are expressed by repeating a path, at most DP_ROUTE_PATHS_MAX. ON_LINK: 0 or 1 */
	/* ON_LINK, BROADCAST; LOCAL of a link-local address: port of the device, 0 when it is none, or several. Other LOCAL: 0 */
	__u16 port;
	__u16 first_path; /* VIA; ON_LINK: says what else there is to say of the path, for a path_count of 1 */
	__u8 prefix_bits; /* length of the prefix, for rules that do not count short ones */
	__u8 pad;
};
DP_STATIC_ASSERT(sizeof(struct dp_route) == 8, "one word");

enum dp_route_action {
	DP_ROUTE_ASK_END = 0,  /* behind the last rule: no route */
	DP_ROUTE_ASK_TREE = 1, /* asks the tree `root`; without an answer the next rule is asked */
	DP_ROUTE_ASK_JUMP = 2, /* goes on with rule `target`, which lies behind this one */
	DP_ROUTE_ASK_UNREACHABLE = 3,
	DP_ROUTE_ASK_BLACKHOLE = 4,
	DP_ROUTE_ASK_PROHIBIT = 5,
};

/* Rules of one family that are asked before the answer is "no route". */
enum { DP_ROUTE_RULES_MAX = 256 };

/* A rule of policy routing (ip-rule(8)). Index: ((bank * 2 + is IPv6) * DP_ROUTE_RULES_MAX) + rank. Zero in a selector: any.
 * Source   include/net/fib_rules.h, net/core/fib_rules.c (fib_rules_lookup), net/ipv4/fib_rules.c. */
struct dp_route_rule {
	struct dp_address source;
	struct dp_address source_mask;
	struct dp_address destination;
	struct dp_address destination_mask;
	__u32 root;   /* ASK_TREE: number of the tree's root, 0: the table is empty */
	__u16 target; /* ASK_JUMP */
	__u16 port;   /* ingress port */
	__u16 source_port_low;
	__u16 source_port_high; /* 0: any */
	__u16 destination_port_low;
	__u16 destination_port_high; /* 0: any */
	__u8 action;                 /* enum dp_route_action */
	__u8 protocol;               /* enum dp_protocol */
	__u8 bits_at_least;          /* ASK_TREE: a route of a shorter prefix does not count */
	__u8 invert;                 /* for the packets that the selectors do not match */
	__u32 pad[3];
};
DP_STATIC_ASSERT(sizeof(struct dp_route_rule) == 96, "no hidden padding");

/* A question and its answer, in one struct so that the verb can be a BPF global function (decide/route.h). */
struct dp_route_query {
	struct dp_address address; /* asked: where is it? */
	struct dp_address source;  /* asked, as below: what rules of policy routing look at */
	__u32 hash; /* picks among equal paths; equal for all packets of a direction of a flow */
	__u16 bank;
	__u16 ingress;     /* port, 0: none */
	__u16 source_port; /* host order; 0 without ports */
	__u16 destination_port;
	__u8 protocol;
	__u8 family;
	__u8 kind;       /* answered: enum dp_route_kind */
	__u8 path_count; /* answered, of DP_ROUTE_VIA */
	__u16 port;
	__u16 next_hop;   /* 0: the neighbour is not known to Linux yet */
	__u16 first_path; /* of DP_ROUTE_VIA */
	__u16 path; /* index of the path that was picked; counts for VIA, and for ON_LINK when it is not 0 */
};

/* Paths of one VIA route at most, repetitions for weights included. */
enum { DP_ROUTE_PATHS_MAX = 64 };

/* One of the paths of a VIA route, or what there is to say of an ON_LINK route beside its port. Index 0 is not used. */
struct dp_path {
	__u16 next_hop; /* index of a next hop: neighbour `gateway` on `port`; 0: the destination is the neighbour */
	__u16 port;
	__u16 mtu;    /* VIA without next hop: of the route, bytes; 0: the port's */
	__u16 source; /* number of the address that Linux sends from by this path; 0: not known. The kernel does not ask */
};
DP_STATIC_ASSERT(sizeof(struct dp_path) == 8, "one word");

#endif
