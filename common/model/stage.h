/* stage.h - the stages of a decision. Their numbers are the indices of the prog array `programs`.
 *
 * Order    hit ─┬──────► known ─┬─► new ─► install ─┬─► send
 *               └► odd ─┴┘      └─────────┴─────────┘
 *          `hit` is the program on the hook: plain hits are over there. An installation that lost a race goes back to
 *          `known`.
 */
#ifndef DP_STAGE_H
#define DP_STAGE_H

enum dp_stage {
	DP_STAGE_ODD = 0,     /* reads what `hit` does not */
	DP_STAGE_KNOWN = 1,   /* border; packets of live flows */
	DP_STAGE_NEW = 2,     /* packets that begin a flow, or are the host's */
	DP_STAGE_INSTALL = 3, /* changes the flow table */
	DP_STAGE_SEND = 4,    /* decided: ctx->reason says what becomes of the packet */
	DP_STAGES = 5,
};

/* Looks at a packet at most: each installation that lost a race is followed by another look, as long as there is one. */
enum { DP_DECIDE_LOOKS = 3 };

#endif
