/* operation.h - what the decision on one packet changes, as data.
 *
 * Made     by a look (decide/look.h), which writes nothing else. Carried out by a commit (decide/commit.h).
 * Without  a commit it says what the packet would change. Today only tests use it so; explain, the check of one packet in
 *          N, captures and the dry run of a packet are not built yet.
 * Subject  the pair that ctx->view shows; the pair in ctx->forward and ctx->reverse for INSTALL.
 */
#ifndef DP_OPERATION_H
#define DP_OPERATION_H

#include "../target.h"

/* Several may go together: a packet may refresh its entry and change the state of its pair, and a packet that replaces a
 * pair deletes the one and installs the other. Carried out in this order. */
enum dp_operation_kind {
	DP_OPERATION_DELETE = 1 << 0,  /* the pair */
	DP_OPERATION_REFRESH = 1 << 1, /* stamp, next hop, port and rule of the packet's entry */
	DP_OPERATION_TRACK = 1 << 2, /* flags of either entry, state of the pair, numbers of the cold elements */
	DP_OPERATION_INSTALL = 1 << 3, /* a new pair */
	DP_OPERATION_MOVE = 1 << 4, /* with DELETE and INSTALL: it is the deleted one in other zones, in `state` */
	DP_OPERATION_REPLACE = 1 << 5, /* the pair is over: becomes DELETE when a new one may take its place */
};

/* TRACK: which numbers of the cold elements are written (model/flow.h). */
enum dp_numbers_note {
	DP_NUMBERS_KEEP = 0,
	DP_NUMBERS_OWN = 1, /* those of the packet's entry: first and note */
	DP_NUMBERS_ANEW = 2, /* and of its partner both to what the packet acknowledges: the pair's life starts anew */
};

enum { DP_BUDGET_NONE = 0xff };

struct dp_operation {
	__u8 kinds;   /* enum dp_operation_kind */
	__u8 budget;  /* one packet is taken from it: enum dp_budget_kind, or DP_BUDGET_NONE */
	__u8 state;   /* TRACK, MOVE: enum dp_flow_state; 0: stays */
	__u8 numbers; /* TRACK: enum dp_numbers_note */
	__u32 first;  /* of the packet's entry; host order */
	__u32 note;
	__u32 own_set; /* TRACK: enum dp_flow_flag of the packet's entry */
	__u32 own_clear;
	__u32 partner_set; /* TRACK: of its partner */
	__u32 partner_clear;
	__u32 stamp; /* REFRESH: new values; next_hop also when it is 0 and nothing is refreshed */
	__u16 next_hop;
	__u16 port;
	__u32 rule;
};
DP_STATIC_ASSERT(sizeof(struct dp_operation) == 40, "no hidden padding");

DP_INLINE void dp_operation_clear(struct dp_operation *operation)
{
	operation->kinds = 0;
	operation->budget = DP_BUDGET_NONE;
	operation->state = 0;
	operation->numbers = DP_NUMBERS_KEEP;
	operation->first = 0;
	operation->note = 0;
	operation->own_set = 0;
	operation->own_clear = 0;
	operation->partner_set = 0;
	operation->partner_clear = 0;
	operation->stamp = 0;
	operation->next_hop = 0;
	operation->port = 0;
	operation->rule = 0;
}

#endif
