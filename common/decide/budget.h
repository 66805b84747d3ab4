/* budget.h - which budget of the running second a packet is taken from.
 *
 * None     forwarded and dropped packets, and what the operator or the device sends to the engine: place: user, an egress
 *          without redirect, a checksum.
 * Engine   takes nothing for what was steered to it: the kernel has paid.
 */
#ifndef DP_BUDGET_H
#define DP_BUDGET_H

#include "../model/context.h"
#include "judge.h"

/* What is to be fragmented is work like fragments, and must not use up the budget of errors. */
DP_INLINE __u8 dp_steer_budget(const struct dp_packet *packet, int reason)
{
	if (reason == DP_STEER_TOO_BIG && dp_may_fragment(packet))
		return DP_BUDGET_FRAGMENT;
	switch (reason) {
	case DP_STEER_FRAGMENT:
		return DP_BUDGET_FRAGMENT;
	case DP_STEER_TTL:
		return DP_BUDGET_TTL;
	case DP_STEER_ICMP_ERROR:
	case DP_STEER_TOO_BIG:
	case DP_STEER_REJECT:
	case DP_STEER_UNREACHABLE:
		return DP_BUDGET_ICMP_ERROR;
	case DP_STEER_NEIGHBOUR:
		return DP_BUDGET_NEIGHBOUR;
	case DP_STEER_HELD:
		return DP_BUDGET_HELD;
	default:
		return DP_BUDGET_NONE;
	}
}

DP_INLINE __u8 dp_budget_of(const struct dp_context *ctx, int reason)
{
	switch (dp_reason_verdict((enum dp_reason)reason)) {
	case DP_PASS:
		return reason == DP_PASS_LINK ? DP_BUDGET_LINK : DP_BUDGET_HOST;
	case DP_STEER:
		return ctx->side == DP_SIDE_KERNEL ? dp_steer_budget(&ctx->packet, reason) : (__u8)DP_BUDGET_NONE;
	default:
		return DP_BUDGET_NONE;
	}
}

#endif
