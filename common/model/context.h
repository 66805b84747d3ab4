/* context.h - one packet on its way through the verbs: what is known of it and what was decided.
 *
 * Owner    the datapath, one per packet in flight on a CPU: a per-CPU map entry in the kernel (too big for a BPF
 *          stack), an array beside the burst in the engine. Verbs fill it from top to bottom.
 */
#ifndef DP_CONTEXT_H
#define DP_CONTEXT_H

#include "install.h"
#include "operation.h"
#include "packet.h"
#include "route.h"
#include "rule.h"
#include "verdict.h"

/* Who asks. The engine may finish what the kernel steers: that is the only difference between the two. */
enum dp_side { DP_SIDE_KERNEL = 0, DP_SIDE_ENGINE = 1 };

/* What the search of a plain hit has found out about the packet's flow. */
enum dp_searched {
	DP_SEARCHED_NOT = 0,
	DP_SEARCHED_ABSENT = 1, /* no live entry has its key */
	DP_SEARCHED_FOUND = 2,  /* slot and control word of its half are in the view */
};

/* A live pair whose zones may have to change (decide/move.h): which of its halves is in the view. */
enum dp_move {
	DP_MOVE_NONE = 0,
	DP_MOVE_ALONG = 1,   /* the packet's */
	DP_MOVE_AGAINST = 2, /* the one of the opposite direction */
};

struct dp_context {
	struct dp_packet packet;
	__u32 now; /* ticks */
	/* read once per packet from the settings */
	__u32 stamp;
	__u16 policy_bank;
	__u16 route_bank;
	__u8 side;                   /* enum dp_side */
	__u8 known;                  /* view holds the packet's half of a live flow */
	__u16 next_hop;              /* chosen for this packet; 0: none */
	__u8 to_host;                /* the destination is the host's own */
	__u8 attempt;                /* looks that lost a race before this one */
	__u8 searched;               /* enum dp_searched: for the next look */
	__u8 reason;                 /* enum dp_reason: what the stages have decided so far */
	struct dp_route_query there; /* where does the packet go? */
	struct dp_route_query back;  /* where do its answers go? */
	struct dp_flow_view view;    /* valid when the packet is forwarded, and when `known` */
	struct dp_match match;       /* the rule that decided a new or re-judged flow */
	struct dp_flow_half forward; /* of a new flow: what is installed */
	struct dp_flow_half reverse;
	struct dp_install install;
	struct dp_operation operation; /* what the packet changes in the tables */
	struct dp_packet original; /* of a flow that is judged again: the packet in the flow's original direction */
	__u8 move;                 /* enum dp_move */
	__u8 answers; /* the packet begins a pair whose reverse half is its own: it was picked up in that direction */
	__u8 pad[2];
};
DP_STATIC_ASSERT(sizeof(struct dp_context) == 76 + 20 + 2 * 56 + 64 + 8 + 2 * 108 + 128 + 40 + 76 + 4,
		 "no hidden padding");
DP_STATIC_ASSERT(sizeof(struct dp_context) % 8 == 0,
		 "values of per-CPU maps lie eight bytes apart");

#endif
