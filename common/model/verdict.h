/* verdict.h - what becomes of a packet, and why. */
#ifndef DP_VERDICT_H
#define DP_VERDICT_H

#include "../target.h"

enum dp_verdict { DP_FORWARD = 0, DP_STEER = 1, DP_PASS = 2, DP_DROP = 3 };

enum dp_reason {
#define DP_REASON(enumerator, name, verdict, documentation) DP_##enumerator,
#include "reasons.def"
#undef DP_REASON
	DP_REASONS
};

/* The verdict that a reason stands for. */
DP_INLINE enum dp_verdict dp_reason_verdict(enum dp_reason reason)
{
	if (reason == DP_NONE)
		return DP_FORWARD;
	if (reason >= DP_PASS_HOST)
		return DP_PASS;
	if (reason >= DP_STEER_PLACE_USER)
		return DP_STEER;
	return DP_DROP;
}

/* What the plain hit (decide/hit.h) says of a packet. */
enum dp_hit_verdict {
	DP_HIT_NOT = 0,
	DP_HIT_FORWARD = 1, /* struct dp_hit has all that forwarding needs */
	DP_HIT_USER = 2,    /* place: user. The engine reads the next hop and counts the packet */
	DP_HIT_ABSENT = 3,  /* as DP_HIT_NOT, and no live flow has the packet's key */
	DP_HIT_ODD = 4,     /* a frame that is not read here */
	DP_HIT_FOUND = 5, /* as DP_HIT_NOT, and the packet's half of a live flow is known: slot and control word */
};

#endif
