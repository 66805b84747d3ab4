/* sender.h - which datapath sends a packet under which reason. The only difference between the two. */
#ifndef DP_SENDER_H
#define DP_SENDER_H

#include "../model/context.h"
#include "judge.h"

/* Steer reasons under which the packet belongs to a flow that is allowed: the engine sends it, now or later. */
DP_INLINE int dp_engine_forwards(int reason)
{
	return reason == DP_NONE || reason == DP_STEER_PLACE_USER || reason == DP_STEER_NEIGHBOUR ||
	       reason == DP_STEER_HELD || reason == DP_STEER_EGRESS_SOCKET || reason == DP_STEER_CHECKSUM;
}

/* The same, of one packet: what is too big and may be fragmented, the engine fragments and sends. */
DP_INLINE int dp_engine_sends(const struct dp_packet *packet, int reason)
{
	return dp_engine_forwards(reason) || (reason == DP_STEER_TOO_BIG && dp_may_fragment(packet));
}

/* Does the asking side send this packet of a live flow? Who sends it tracks it. */
DP_INLINE int dp_sends(const struct dp_context *ctx, int reason)
{
	if (ctx->side == DP_SIDE_KERNEL)
		return reason == DP_NONE;
	return dp_engine_sends(&ctx->packet, reason);
}

/* May the asking side install the pair that this packet begins? */
DP_INLINE int dp_may_install(const struct dp_context *ctx, int reason)
{
	if (ctx->side == DP_SIDE_KERNEL)
		return reason == DP_NONE || reason == DP_STEER_EGRESS_SOCKET;
	return dp_engine_sends(&ctx->packet, reason);
}

#endif
